package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Today's tests call functions that the first release does not have. One such test
// keeps a whole package from building, so declarations that do not compile are removed
// until the rest compiles. A row whose test is removed counts as "does not build
// there"; the others run.

// compileError matches a position in the output of the compiler and the package loader.
var compileError = regexp.MustCompile(`(?m)^(\S+\.go):(\d+)(?::\d+)?: (.*)$`)

// fit makes a package's tests compile. It fails if errors are in files other than
// tests, or if the package's TestMain had to be removed: without it the tests mean
// nothing.
func (r *release) fit(root, pkg string) error {
	for range 40 {
		// -e: all errors, not the first ten.
		out, err := r.run(root, "", "go", "test", "-c", "-gcflags=-e", "-o", os.DevNull, pkg)
		if err == nil {
			return nil
		}
		wrong := r.places(root, string(out))
		if len(wrong) == 0 {
			return fmt.Errorf("%s", out)
		}
		for file, lines := range wrong {
			if err := takeOut(file, lines); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%s: does not become buildable", pkg)
}

// places returns the lines with errors in the given files.
func (r *release) places(root, out string) map[string][]int {
	wrong := map[string][]int{}
	for _, m := range compileError.FindAllStringSubmatch(out, -1) {
		file := filepath.Join(root, m[1])
		if line, err := strconv.Atoi(m[2]); err == nil && r.given[file] {
			wrong[file] = append(wrong[file], line)
		}
	}
	return wrong
}

// takeOut removes the declarations that contain the lines.
func takeOut(file string, lines []int) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, content, parser.ParseComments)
	if err != nil {
		return os.Remove(file)
	}
	for _, n := range declarations(parsed) {
		from, to := set.Position(n.Pos()), set.Position(n.End())
		if !slices.ContainsFunc(lines, func(l int) bool { return from.Line <= l && l <= to.Line }) {
			continue
		}
		if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "TestMain" {
			return fmt.Errorf("%s: its TestMain does not compile there", file)
		}
		for i := from.Offset; i < to.Offset; i++ {
			if content[i] != '\n' { // keep the line numbers
				content[i] = ' '
			}
		}
	}
	return os.WriteFile(file, content, 0o644)
}

// declarations lists what can be removed separately: functions, and each import, type,
// variable and constant of a group.
func declarations(f *ast.File) []ast.Node {
	var all []ast.Node
	for _, d := range f.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || !group.Lparen.IsValid() {
			all = append(all, d)
			continue
		}
		for _, s := range group.Specs {
			all = append(all, s)
		}
	}
	return all
}

// removeTests removes a checkout's own tests, so that only today's are there.
func removeTests(dir string) error {
	out, err := exec.Command("git", "-C", dir, "ls-files", "*_test.go").Output()
	for name := range strings.Lines(string(out)) {
		if e := os.Remove(filepath.Join(dir, strings.TrimSpace(name))); err == nil {
			err = e
		}
	}
	return err
}
