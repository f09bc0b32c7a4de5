package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const whole = "# why\nmutant a margin is ignored\nfile helper/cache/entry.go\ntest ./helper/cache TestFresh/margin\n<<<<\n\treturn a\n====\n\treturn b\n>>>>\n"

// TestParse: a complete mutant is read as written; an incomplete one is an error, because a
// mutant that is skipped would look like one that was killed.
func TestParse(t *testing.T) {
	all, err := parse("x.txt", whole+"\n"+strings.Replace(whole, "a margin", "another", 1))
	if err != nil || len(all) != 2 {
		t.Fatal(len(all), err)
	}
	m := all[0]
	if m.name != "a margin is ignored" || m.file != "helper/cache/entry.go" || m.pkg != "./helper/cache" || m.test != "TestFresh/margin" ||
		m.old != "\treturn a" || m.changed != "\treturn b" || m.source != "x.txt:2" {
		t.Errorf("%+v", m)
	}
	for cut := 1; cut < strings.Count(whole, "\n"); cut++ {
		lines := strings.SplitAfter(whole, "\n")
		if lines[cut] == "\treturn b\n" {
			continue // a mutant may remove lines
		}
		half := strings.Join(append(append([]string{}, lines[:cut]...), lines[cut+1:]...), "")
		if _, err := parse("x.txt", half); err == nil {
			t.Errorf("without line %d: taken", cut+1)
		}
	}
}

// TestVerdict: only a test that ran and failed kills a mutant.
func TestVerdict(t *testing.T) {
	for _, c := range []struct{ name, said, want string }{
		{"failed", `{"Action":"run","Test":"TestA"}{"Action":"fail","Test":"TestA"}{"Action":"fail"}`, ""},
		{"passed", `{"Action":"run","Test":"TestA"}{"Action":"pass","Test":"TestA"}`, "survives"},
		{"not run", `{"Action":"start"}{"Action":"pass"}`, "did not run"},
		{"not compiled", `{"Action":"build-output","Output":"undefined: x\n"}{"Action":"build-fail"}{"Action":"fail"}`, "does not compile: undefined: x"},
		{"nothing said", ``, "did not run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := verdict("TestA", []byte(c.said))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
		})
	}
}

// TestData: every mutant in the files is complete, still applies, and names a test that
// exists.
func TestData(t *testing.T) {
	t.Chdir("../../..")
	all, err := load("scripts/internal/mutants")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if _, err := m.overlay(t.TempDir()); err != nil {
			t.Errorf("%s: %q: %v", m.source, m.name, err)
		}
		name, _, _ := strings.Cut(m.test, "/")
		if files := testsOf(t, m.pkg); !strings.Contains(files, "\nfunc "+name+"(") {
			t.Errorf("%s: %q: %s has no %s", m.source, m.name, m.pkg, name)
		}
	}
}

// testsOf returns the text of a package's test files.
func testsOf(t *testing.T, pkg string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(pkg, "*_test.go"))
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
