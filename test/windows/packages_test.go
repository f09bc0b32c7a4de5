//go:build wine

package windows

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// packages are those whose tests run on Windows; the first six are tested with -short.
// Those of cmd/credhelper and cmd/internal/tokenfile are not built there: they look at
// processes, modes and owners as Linux has them, and the other tests of this package do the
// same things on Windows.
var packages = []string{
	"helper/keyring/desktop",
	"helper/private",
	"helper/trust",
	"protocol",
	"helper/logfile",
	"protocol/lines",
	"protocol/origin",
	"protocol/strictjson",
	"protocol/secret",
	"protocol/printable",
	"protocol/retryafter",
	"helper/config",
	"helper/config/presets",
	"helper/failure",
	"helper/oauth/oauthtest",
	"helper/cache",
	"helper/home",
	"helper/keyring",
	"helper/oauth",
	"helper",
	"helper/guest",
	"helper/guest/ca",
	"helper/pool",
	"helper/pool/kubernetes",
	"helper/pool/redis",
	"helper/pool/swap",
	"helper/pool/vault",
	"helper/pools",
	"helper/server",
	"helper/stored",
	"protocol/bearer",
	"protocol/connector",
	"protocol/door",
	"cmd/internal/wiring",
	"cmd/internal/handover",
	"cmd/internal/process",
	"cmd/internal/curl",
	"cmd/credhelper-engine",
	"cmd/credhelper-plugin",
}

// cannot lists the tests of these packages, and the scripts of the engine, that do not hold
// on Windows or under Wine. Each of them fails: where one holds, its row is wrong, and
// TestPackages says so.
var cannot = []struct{ name, why, tests string }{
	{"cmd/credhelper-engine", "Wine makes no symbolic links", `TestScripts/upgraded TestScripts/uninstall TestScripts/tools
		TestScripts/dialects-more TestScripts/strays TestScripts/setup TestScripts/mounts TestScripts/places`},
	{"cmd/credhelper-engine", "modes and core limits of Unix", `TestScripts/bad_config TestScripts/sharedfile TestScripts/doorca TestScripts/exec
		TestScripts/exec_tls`},
	{"cmd/credhelper-engine", "signals of Unix", "TestScripts/sink TestScripts/exec_door"},
	{"cmd/credhelper-engine", "the namespaces of Linux", "TestScripts/pidns TestScripts/machines TestScripts/disk TestScripts/disk_log"},
	{"cmd/credhelper-engine", "the kernel's keyring, setsid and the directories of XDG", "TestScripts/keyring_use TestScripts/cron"},
	{"cmd/credhelper-engine", "a passphrase, which Windows does not have", "TestScripts/bad_keyring"},
	{"cmd/credhelper-engine", "Unix sockets", "TestScripts/dbus"},
	{"cmd/credhelper-engine", "/dev/full and closed descriptors", "TestScripts/bad_disk"},
	{"cmd/credhelper-engine", "options that only the real curl has", "TestScripts/curl"},
	{"cmd/credhelper-engine", "a shell script as a program", "TestScripts/children TestScripts/given TestDoctorOnline TestDoctorTriesTogether"},
	{"cmd/credhelper-engine", "tar, and processes as /proc shows them", "TestCanary TestCanaryFinds"},
	{"cmd/credhelper-engine", "PATH as on Unix", "TestFindProgram"},
	{"cmd/credhelper-engine", "an answer is written to the process's own stdout there", "TestOneAnswer"},
	{"helper", "paths of Unix in profiles, on the pages too", `TestSources TestSignInProfiles TestAddLines TestProfilePage TestSet TestSetLists TestJitterOfHomes TestCertificateEnds
		TestOtherEnvironmentOtherToken TestProfileErrors/a_variable_that_changes_what_a_command_runs TestProfileErrors/a_given_token_beside_another_grant
		TestProfileErrors/a_guess_of_two_hours_at_a_given_token's_life TestProfileErrors/a_given_token_with_a_client TestProfileErrors/a_CA_file_that_is_not_there`},
	{"helper", "modes", "TestAdd TestLog"},
	{"helper", "a Helper holds the log open, which Wine removes when it is closed", "TestAuditRequired/out_of_its_memory"},
	{"helper", "the words of Unix for a file that is not there", "TestFederationAndExchange TestVaultTrouble/a_section_without_an_answer_to_its_proof"},
	{"helper", "the errors of Unix in the network of the test: TestReset has those of Windows", "TestNetworkTable/reset_in_the_handshake"},
	{"helper/cache", "HOME, a symbolic link, modes", "TestFindDirs TestTwoWays TestUnownedDoubts/others_may_read_the_list TestUnownedDoubts/others_may_read_a_bucket"},
	{"helper/home", "modes", "TestSettingsAreReadOnce"},
	{"helper/keyring", "paths and variables of Unix, sh, a kernel keyring, setsid", "TestNewSource TestPlugin TestPluginProgram TestPluginAndPerson TestPluginFails/leaving"},
	{"helper/oauth", "Windows keeps its CAs elsewhere", "TestProxySaysNo/through_it,_another_server TestRoots"},
	{"protocol/bearer", "a Helper keeps directories open, which Wine does not remove then", "TestHelper"},
	{"cmd/internal/wiring", "the pages show Linux; sh; Wine renames no link to nothing: TestSetup has those of Windows", `TestDocsShowSetup TestSetupOneFileForTwo
		TestSetupGitBearer TestPrintedLines TestSetupTakesBack TestSetupKeepsLaterEdits TestSetupLinks`},
	{"cmd/internal/curl", "curl", "TestCurlTable"},
}

// never lists patterns of tests that are not run, because they would take minutes, or fail
// now and then.
var never = []struct{ name, why, tests string }{
	{"cmd/credhelper-engine", "wait for a browser, which is a shell script, or one second for a person", "TestScripts/(login|reports|ownwords)|TestRotatingRefreshStorm|TestKillAtEveryPoint"},
	{"cmd/credhelper-plugin", "ten thousand requests", "TestEndOfToken|TestHour"},
	{"helper", "fifty callers for minutes", "TestCrowd|TestNarrowRevoked"},
	{"helper", "what is read before a reset depends on the machine", "TestNetworkTable/reset_before_the_head"},
	{"helper/cache", "ten thousand files", "TestHostsEveryByte"},
}

// TestReleaseIsAlone: a release made here, where the overlay for Wine is, even in Go's
// flags, has the bytes of one made without it.
func TestReleaseIsAlone(t *testing.T) {
	if testing.Short() {
		return // test/release checks what the executables load
	}
	made := map[string]string{}
	for _, flags := range []string{"", "-overlay=" + os.Getenv("WINDOWS_OVERLAY")} {
		dir := filepath.Join(t.TempDir(), "dist")
		build := exec.Command("scripts/release", "v0.0.1-rc.1", "--unsigned", "--dist", dir, "--target", "windows/amd64")
		build.Dir, build.Env = "../..", append(os.Environ(), "GOFLAGS="+flags)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil || !strings.Contains(string(sums), "windows_amd64.zip") {
			t.Fatalf("%v\n%s", err, sums)
		}
		made[string(sums)] = flags
	}
	if len(made) != 1 {
		t.Errorf("two releases: %v", made)
	}
}

// TestPackagesAreListed: no package with tests for Windows is forgotten.
func TestPackagesAreListed(t *testing.T) {
	list := exec.Command("go", "list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}", "./helper/...", "./protocol/...", "./cmd/...")
	list.Dir, list.Env = "../..", append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var tested []string
	for _, path := range strings.Fields(string(out)) {
		tested = append(tested, strings.TrimPrefix(path, "github.com/credhelper/credhelper/"))
	}
	named := slices.Sorted(slices.Values(packages))
	slices.Sort(tested)
	if !slices.Equal(tested, named) {
		t.Errorf("with tests for Windows: %q\nlisted: %q", tested, named)
	}
}

// TestPackages runs their tests, compiled for Windows. What fails is what cannot hold.
func TestPackages(t *testing.T) {
	list, tools := packages, ""
	if testing.Short() {
		list = list[:6] // no scripts
	} else {
		tools = unixTools(t)
	}
	for _, name := range list {
		t.Run(name, func(t *testing.T) {
			test := filepath.Join(t.TempDir(), "test.exe")
			build := exec.Command("go", "test", "-c", "-overlay", os.Getenv("WINDOWS_OVERLAY"), "-o", test, "./"+name)
			build.Dir, build.Env = "../..", append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
			defer cancel()
			// One at a time: Wine loses what programs write at once into a Credential Manager.
			arguments := []string{test, "-test.short", "-test.v", "-test.parallel=1"}
			var skipped []string
			for _, row := range never {
				if row.name == name {
					skipped = append(skipped, row.tests)
				}
			}
			if len(skipped) > 0 {
				arguments = append(arguments, "-test.skip="+strings.Join(skipped, "|"))
			}
			run := func(more ...string) string {
				run := exec.CommandContext(ctx, "wine", append(arguments, more...)...)
				run.Dir, run.WaitDelay = filepath.Join("../..", name), 5*time.Second
				run.Env = append(os.Environ(), "CREDHELPER_TEST_BIN="+windowsPath(bin), "WINEPATH="+windowsPath(tools))
				out, err := run.CombinedOutput()
				if status := (*exec.ExitError)(nil); err != nil && !errors.As(err, &status) && !errors.Is(err, exec.ErrWaitDelay) { // a service of Wine may hold the pipe
					t.Fatalf("%v\n%s", err, out)
				}
				return string(out)
			}
			out := run()
			if strings.Contains(out, notStarted) {
				out = again(t, name, out, run)
			}
			compare(t, name, out)
		})
	}
}

var result = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL): (\S+) `)

// notStarted is what Wine says once in some thousand processes, of which it then starts none.
const notStarted = ".exe: Internal error."

// again runs each part of a test that failed against expectation once more, alone, and returns
// the output with what it came to then.
func again(t *testing.T, name, output string, run func(more ...string) string) string {
	t.Helper()
	for test, is := range resultsOf(output) {
		whole, part, found := strings.Cut(test, "/")
		if is != "FAIL" || !found || slices.ContainsFunc(cannot, func(row struct{ name, why, tests string }) bool {
			return row.name == name && slices.ContainsFunc(strings.Fields(row.tests), func(listed string) bool {
				return test == listed || strings.HasPrefix(test, listed+"/")
			})
		}) {
			continue
		}
		t.Logf("Wine did not start a process; again: %s", test)
		if alone := run("-test.run=^" + whole + "$/^" + part + "$"); resultsOf(alone)[test] == "PASS" {
			output = strings.ReplaceAll(output, "--- FAIL: "+test+" ", "--- PASS: "+test+" ")
		}
	}
	return output
}

// resultsOf returns PASS or FAIL of each test.
func resultsOf(output string) map[string]string {
	results := map[string]string{}
	for _, m := range result.FindAllStringSubmatch(output, -1) {
		results[m[2]] = m[1]
	}
	return results
}

// compare checks that all tests have ended, and that those that failed are those that
// cannot hold.
func compare(t *testing.T, name, output string) {
	t.Helper()
	results := resultsOf(output)
	failed := maps.Clone(results)
	for test, is := range failed { // a test of which parts fail has failed by these
		if parent := path.Dir(test); is == "FAIL" && failed[parent] == "FAIL" {
			results[parent] = "parts"
		}
	}
	for _, row := range cannot {
		if row.name != name {
			continue
		}
		for _, test := range strings.Fields(row.tests) {
			if results[test] != "FAIL" && results[test] != "parts" {
				t.Errorf("%s is listed (%s), but it is %q", test, row.why, results[test])
			}
			for other := range results {
				if other == test || strings.HasPrefix(other, test+"/") {
					delete(results, other)
				}
			}
		}
	}
	passed := false
	for test, is := range results {
		passed = passed || is == "PASS"
		if is == "FAIL" {
			t.Errorf("%s failed", test)
		}
	}
	ended := strings.HasSuffix(output, "PASS\n") || strings.HasSuffix(output, "FAIL\n")
	if t.Failed() || !passed || !ended {
		t.Fatalf("some passed: %v, all ended: %v\n%s", passed, ended, output)
	}
}

// unixTools returns a directory with stand-ins for the tools of Unix that scripts call.
func unixTools(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("WINEPREFIX"), "drive_c", "unix")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", os.Getenv("WINDOWS_OVERLAY"), "-o", filepath.Join(dir, "unix.exe"), "./unix")
	build.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if a := (&user{t: t, bin: dir}).run("unix.exe", "", windowsPath(dir)); a.code != 0 {
		t.Fatalf("the tools: %+v", a)
	}
	return dir
}
