package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// testOnly are the folders that exist for tests only, which the first release is
// given as they are today, besides all test files.
var testOnly = regexp.MustCompile(`(_test\.go|(^|/)testdata/.*|^helper/oauth/oauthtest/.*|^helper/keyring/keyringtest/.*|^internal/.*)$`)

// showRed runs the rows' tests in the first release with today's test files.
func showRed(rows []row) error {
	dir, err := os.MkdirTemp("", "first-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.Command("git", "worktree", "add", "--detach", dir, firstRelease).CombinedOutput(); err != nil {
		return fmt.Errorf("git worktree: %w: %s", err, out)
	}
	defer exec.Command("git", "worktree", "remove", "--force", dir).Run()
	if err := copyTests(dir); err != nil {
		return err
	}
	var green, unknown, red int
	packages, of := byPackage(rows)
	for _, pkg := range packages {
		results, builds := testIn(dir, pkg, of[pkg])
		for _, r := range of[pkg] {
			switch failed, ran := results[r.test]; {
			case !builds || !ran:
				unknown++
				fmt.Printf("not built or not run  %s  %s %s\n", r.id, r.pkg, r.test)
			case failed:
				red++
			default:
				green++
				fmt.Printf("GREEN in the first release  %s  %s %s\n", r.id, r.pkg, r.test)
			}
		}
	}
	fmt.Printf("%d red, %d do not build there, %d green\n", red, unknown, green)
	if green > 0 {
		return fmt.Errorf("%d tests hold in the first release, so they show nothing", green)
	}
	return nil
}

// copyTests gives a checkout today's tests.
func copyTests(dir string) error {
	out, err := exec.Command("git", "ls-files").Output()
	if err != nil {
		return err
	}
	copied := 0
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		if !testOnly.MatchString(name) || strings.HasPrefix(name, "scripts/") {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return err
		}
		copied++
	}
	if copied == 0 {
		return fmt.Errorf("no test files: the check is blind")
	}
	return nil
}

// testIn runs a package's rows; the map holds the tests that ran, and whether they
// failed.
func testIn(dir, pkg string, rows []row) (failed map[string]bool, builds bool) {
	var names []string
	for _, r := range rows {
		name, _, _ := strings.Cut(r.test, "/")
		names = append(names, name)
	}
	root := dir
	if rest, nested := strings.CutPrefix(pkg, "./test"); nested {
		root, pkg = filepath.Join(dir, "test"), "."+rest
	}
	cmd := exec.Command("go", "test", "-json", "-count=1", "-short", "-timeout=9m", "-run", "^("+strings.Join(names, "|")+")$", pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, _ := cmd.Output() // its exit code is not 0: the tests are red
	failed, builds = map[string]bool{}, true
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var e struct{ Action, Test string }
		if d.Decode(&e) != nil {
			break
		}
		switch {
		case e.Action == "build-fail":
			builds = false
		case e.Test != "" && (e.Action == "fail" || e.Action == "pass"):
			failed[e.Test] = e.Action == "fail"
		}
	}
	return failed, builds
}
