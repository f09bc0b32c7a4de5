// Faults maps each fault that was found in the first release to a test of its fix, and
// can show that the test fails there: it checks out the first release, adds today's
// test files, and runs the rows' tests where they compile; those of the commands run
// with the executables of the first release.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// firstRelease is the commit on whose executables the faults were found.
const firstRelease = "c0e96e6fc4094255dd4e635beadfda1abd65675e"

func main() {
	red := flag.Bool("red", false, "run the tests against the first release and report which are red there")
	flag.Parse()
	if err := run(*red); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(red bool) error {
	rows, err := load("scripts/internal/faults")
	if err != nil {
		return err
	}
	if err := checkNames(rows); err != nil {
		return err
	}
	fmt.Printf("%d rows of %d faults, every test is there\n", len(rows), countFaults(rows))
	if !red {
		return nil
	}
	return showRed(rows)
}

// row is one fault and a test of it.
type row struct {
	id, pkg, test, words, source string
}

// load reads *.txt in dir: lines of "ID TAB package TAB test TAB words"; # begins a
// comment. The package is relative to the module, "./test/..." is the nested one.
func load(dir string) ([]row, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no rows in %s: the check is blind", dir)
	}
	var rows []row
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for i, line := range strings.Split(string(content), "\n") {
			if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
				continue
			}
			source := fmt.Sprintf("%s:%d", file, i+1)
			parts := strings.Split(line, "\t")
			if len(parts) != 4 {
				return nil, fmt.Errorf("%s: %d columns, want 4, separated by tabs", source, len(parts))
			}
			rows = append(rows, row{parts[0], "./" + strings.TrimPrefix(parts[1], "./"), parts[2], parts[3], source})
		}
	}
	return rows, nil
}

func countFaults(rows []row) int {
	ids := map[string]bool{}
	for _, r := range rows {
		ids[r.id] = true
	}
	return len(ids)
}

// checkNames fails unless each row's test function is in its package.
func checkNames(rows []row) error {
	var missing []string
	for _, r := range rows {
		name, _, _ := strings.Cut(r.test, "/")
		if out, err := exec.Command("git", "grep", "--untracked", "-qE", `^func `+name+`\(`, "--", r.pkg+"/*_test.go").CombinedOutput(); err != nil {
			missing = append(missing, fmt.Sprintf("%s: %s has no %s %s", r.source, r.pkg, name, out))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d rows without a test:\n%s", len(missing), strings.Join(missing, "\n"))
	}
	return nil
}

// byPackage groups rows in the order of their packages.
func byPackage(rows []row) (packages []string, of map[string][]row) {
	of = map[string][]row{}
	for _, r := range rows {
		of[r.pkg] = append(of[r.pkg], r)
	}
	for p := range of {
		packages = append(packages, p)
	}
	slices.Sort(packages)
	return packages, of
}
