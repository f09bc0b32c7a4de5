//go:build wine

package windows

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// bin is the directory of the executables, which scripts/test-windows made.
var bin = os.Getenv("WINDOWS_BIN")

func TestMain(m *testing.M) {
	if bin == "" || os.Getenv("WINEPREFIX") == "" {
		println("WINDOWS_BIN or WINEPREFIX is not set: run scripts/test windows")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// user is somebody with a home of his own.
type user struct {
	t       *testing.T
	bin     string // directory of the executables
	environ []string
}

const testSecret = "s3cret of the test"

// newUser has the folders that Windows gives to everybody, and no other home.
func newUser(t *testing.T) *user {
	t.Helper()
	for _, folder := range []string{"Roaming", "Local"} {
		if err := os.RemoveAll(filepath.Join(appData(t), folder, "credhelper")); err != nil {
			t.Fatal(err)
		}
	}
	return &user{t: t, bin: bin}
}

// newHome has a home below a path with blanks, parentheses and other alphabets.
func newHome(t *testing.T) *user {
	return &user{t, bin, []string{"CREDHELPER_HOME=" + windowsPath(filepath.Join(t.TempDir(), "Größe (1) мир"))}}
}

// appData returns the AppData folder of Wine's user.
func appData(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.Getenv("WINEPREFIX"), "drive_c/users/*/AppData"))
	if err != nil || len(found) != 1 {
		t.Fatalf("AppData: %q, %v", found, err)
	}
	return found[0]
}

// filesBelow lists the regular files of a directory and those below it.
func filesBelow(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// windowsPath is how Windows programs name a file of Linux: drive Z is its root, and drive
// C the only directory whose ways are not open to others.
func windowsPath(path string) string {
	drive := "Z:"
	if below, ok := strings.CutPrefix(path, filepath.Join(os.Getenv("WINEPREFIX"), "drive_c")); ok {
		drive, path = "C:", below
	}
	return drive + strings.ReplaceAll(path, "/", `\`)
}

// linuxPath is the reverse, for drive C.
func linuxPath(path string) string {
	return filepath.Join(os.Getenv("WINEPREFIX"), "drive_c", strings.ReplaceAll(strings.TrimPrefix(path, "C:"), `\`, "/"))
}

// answer is what a program did.
type answer struct {
	stdout, stderr string
	code           int
}

// run runs a program of the release with an input. A program that takes two minutes hangs.
func (u *user) run(program, input string, args ...string) answer {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), 2*time.Minute)
	defer cancel()
	if filepath.Ext(program) == ".exe" {
		program = filepath.Join(u.bin, program)
	}
	cmd := exec.CommandContext(ctx, "wine", append([]string{program}, args...)...)
	cmd.Env = append(os.Environ(), u.environ...)
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	_ = cmd.Wait()
	if ctx.Err() != nil {
		u.t.Errorf("%s %s hangs", program, strings.Join(args, " "))
	}
	return answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// wants runs credhelper and checks its exit code.
func (u *user) wants(code int, input string, args ...string) answer {
	u.t.Helper()
	a := u.run("credhelper.exe", input, args...)
	if a.code != code {
		u.t.Errorf("credhelper %s: exit %d, want %d\nstdout: %s\nstderr: %s", strings.Join(args, " "), a.code, code, a.stdout, a.stderr)
	}
	return a
}

// has checks that a text holds each of these parts.
func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

// newServer returns the authorization server, on loopback, which Windows shares.
func newServer(t *testing.T) *oauthtest.Server {
	t.Helper()
	return oauthtest.Start(t, oauthtest.Options{
		Product: "jama",
		Clients: []oauthtest.Client{{ID: "demo", Secret: testSecret}},
	})
}

// withProfile stores the profile jama, which costs one request.
func (u *user) withProfile(s *oauthtest.Server) *user {
	u.t.Helper()
	u.wants(0, "", "keyring", "use", "file")
	u.wants(0, testSecret, "add", "jama", "--preset", "jama", "--url", s.URL(), "--client-id", "demo", "--secret-stdin")
	return u
}

// requests checks how many token requests the server has answered.
func requests(t *testing.T, s *oauthtest.Server, want int) {
	t.Helper()
	if n := s.Count(); n != want {
		t.Errorf("%d token requests, want %d", n, want)
	}
}

// linuxHome is a home that credhelper made on Linux.
type linuxHome struct{ bin, home string }

func newLinuxHome(t *testing.T) linuxHome {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/credhelper", "./cmd/credhelper-engine")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return linuxHome{dir, filepath.Join(dir, "home")}
}

func (h linuxHome) credhelper(t *testing.T, input string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(h.bin, "credhelper"), args...)
	cmd.Env = append(os.Environ(), "CREDHELPER_HOME="+h.home)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("credhelper %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
