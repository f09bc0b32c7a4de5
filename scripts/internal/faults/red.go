package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/credhelper/credhelper/internal/program"
)

// testOnly matches files that exist only for tests, which the first release gets from
// today's tree in addition to all test files.
var testOnly = regexp.MustCompile(`(_test\.go|(^|/)testdata/.*|(^|/)\w+test/.*|^internal/.*)$`)

// release is a checkout of the first release, with today's tests.
type release struct {
	dir   string          // the checkout, with today's test files instead of its own
	bin   string          // its executables
	none  string          // executables of the same names that only fail
	given map[string]bool // the files in dir that are today's
}

// verdict is the result of a row.
type verdict string

const (
	red     verdict = "red"
	green   verdict = "GREEN in the first release"
	unknown verdict = "cannot be run there"
	// weak: the fault was in the test, which proved less than it claimed, and not in
	// the code. Mutants show what the test proves now.
	weak verdict = "holds there as here"
)

// ofTests is the id of faults in tests.
const ofTests = "K10"

// showRed runs the rows' tests against the first release, in two ways. Those that
// compile in its tree run there. The others of the commands run unchanged, with the
// executables of the first release.
func showRed(rows []row) error {
	r, end, err := checkOut()
	if err != nil {
		return err
	}
	defer end()
	count := map[verdict]int{}
	packages, of := byPackage(rows)
	for _, pkg := range packages {
		results := r.try(pkg, of[pkg])
		for _, row := range of[pkg] {
			v := unknown
			if failed, ran := results[row.test]; ran && failed {
				v = red
			} else if ran && row.id == ofTests {
				v = weak
			} else if ran {
				v = green
			}
			count[v]++
			if v != red {
				fmt.Printf("%s  %s  %s %s\n", v, row.id, row.pkg, row.test)
			}
		}
	}
	fmt.Printf("%d rows are red in the first release, %d hold there; %d cannot be run there, because their tests call what it does not have; %d are of faults of the tests alone\n",
		count[red], count[green], count[unknown], count[weak])
	if count[green] > 0 {
		return fmt.Errorf("%d tests hold in the first release, so they show nothing", count[green])
	}
	if count[red] == 0 {
		return fmt.Errorf("no test is red there: the check is blind")
	}
	return nil
}

// checkOut creates the release; end removes it.
func checkOut() (r *release, end func(), err error) {
	work, err := os.MkdirTemp("", "first-release-")
	if err != nil {
		return nil, nil, err
	}
	r = &release{dir: filepath.Join(work, "src"), bin: filepath.Join(work, "bin"), none: filepath.Join(work, "none")}
	end = func() {
		_ = exec.Command("git", "worktree", "remove", "--force", r.dir).Run()
		_ = os.RemoveAll(work)
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	for _, dir := range []string{r.bin, r.none} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, nil, err
		}
	}
	if out, err := exec.Command("git", "worktree", "add", "--detach", r.dir, firstRelease).CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("git worktree: %w: %s", err, out)
	}
	if out, err := r.run(r.dir, "", "go", "build", "-trimpath", "-o", r.bin, "./cmd/..."); err != nil {
		return nil, nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	if err := errors.Join(fill(r.bin), fill(r.none)); err != nil { // it had no plugin
		return nil, nil, err
	}
	return r, end, r.copyTests()
}

// fill adds executables that only fail for those that dir lacks.
func fill(dir string) error {
	for _, name := range program.Executables {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			continue
		}
		if err := os.WriteFile(file, []byte("#!/bin/sh\nexit 70\n"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// run runs a command in a directory, which uses the executables in bin if that is not
// "".
func (r *release) run(dir, bin, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "CREDHELPER_TEST_BIN="+bin)
	return cmd.CombinedOutput()
}

// try runs a package's rows, and returns whether each test that ran failed.
func (r *release) try(pkg string, rows []row) map[string]bool {
	root, inside := r.dir, pkg
	if rest, nested := strings.CutPrefix(pkg, "./test/"); nested {
		root, inside = filepath.Join(r.dir, "test"), "./"+rest
	}
	results := map[string]bool{}
	if err := r.fit(root, inside); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
		fmt.Printf("%s does not build there: %s\n", pkg, first)
	} else {
		results = r.test(root, "", inside, rows)
	}
	if !strings.HasPrefix(pkg, "./cmd/credhelper") {
		return results
	}
	var rest []row
	for _, row := range rows {
		if _, ran := results[row.test]; !ran {
			rest = append(rest, row)
		}
	}
	// A test that passes with executables that only fail runs none, so it says nothing
	// about them.
	failing := r.test(".", r.none, pkg, rest)
	for test, failed := range r.test(".", r.bin, pkg, rest) {
		if failing[test] {
			results[test] = failed
		}
	}
	return results
}

// result matches the result of a test.
var result = regexp.MustCompile(`(?m)^\s*--- (PASS|FAIL): (\S+)`)

// test runs only the rows' tests, and returns whether each that ran failed.
func (r *release) test(root, bin, pkg string, rows []row) map[string]bool {
	if len(rows) == 0 {
		return nil
	}
	var names []string
	for _, row := range rows {
		var exact []string
		for part := range strings.SplitSeq(row.test, "/") {
			exact = append(exact, "^"+regexp.QuoteMeta(part)+"$")
		}
		names = append(names, strings.Join(exact, "/"))
	}
	out, _ := r.run(root, bin, "go", "test", "-v", "-count=1", "-short", "-timeout=1h", "-run", strings.Join(names, "|"), pkg)
	failed := map[string]bool{}
	for _, m := range result.FindAllSubmatch(out, -1) {
		failed[string(m[2])] = string(m[1]) == "FAIL"
	}
	return failed
}

// copyTests replaces the checkout's tests by today's, for each package that it has.
func (r *release) copyTests() error {
	if err := removeTests(r.dir); err != nil {
		return err
	}
	r.given = map[string]bool{}
	out, err := exec.Command("git", "ls-files").Output()
	if err != nil {
		return err
	}
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		to := filepath.Join(r.dir, name)
		if !testOnly.MatchString(name) || strings.HasPrefix(name, "scripts/") || strings.HasSuffix(name, "_test.go") && !isDir(filepath.Dir(to)) {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return err
		}
		r.given[to] = true
	}
	if len(r.given) == 0 {
		return fmt.Errorf("no test files: the check is blind")
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
