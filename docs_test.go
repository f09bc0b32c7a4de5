package house

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPage: every test that docs/security.md calls a proof exists, in the
// package that the page says, and so does every script; every promise has one.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range append(sources(t, true), nestedTests(t)...) {
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(f.text, -1) {
			known[strings.TrimPrefix(path.Dir(f.path), ".")+"."+m[1]] = true
		}
	}
	promises, named := 0, 0
	for line := range strings.Lines(string(page)) {
		cell := strings.Split(strings.TrimSpace(line), "|")
		if len(cell) != 5 || cell[1] == "---" || strings.TrimSpace(cell[1]) == "id" {
			continue
		}
		promises++
		tests := regexp.MustCompile("`([\\w/-]*\\.(?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(cell[3], -1)
		for _, m := range tests {
			if named++; !known[m[1]] {
				t.Errorf("docs/security.md names %s, which does not exist", m[1])
			}
		}
		scripts := regexp.MustCompile("`([\\w-]+\\.txtar)`").FindAllStringSubmatch(cell[3], -1)
		for _, m := range scripts {
			if found, _ := filepath.Glob("cmd/*/testdata/script/" + m[1]); len(found) == 0 {
				t.Errorf("docs/security.md names the script %s, which does not exist", m[1])
			}
		}
		if len(tests)+len(scripts) == 0 {
			t.Errorf("docs/security.md promises without proof: %s", cell[2])
		}
		if n := strings.Count(cell[3], "`"); n != 2*(len(tests)+len(scripts)) {
			t.Errorf("docs/security.md has a proof that is neither package.Test nor a script: %s", cell[3])
		}
	}
	if promises < 40 || named < 80 {
		t.Errorf("the page has %d promises and names %d tests: the test is blind", promises, named)
	}
}

// nestedTests are the tests of the nested module.
func nestedTests(t *testing.T) (files []goFile) {
	t.Helper()
	paths, err := filepath.Glob("test/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	more, _ := filepath.Glob("test/*_test.go")
	for _, name := range append(paths, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, goFile{path: filepath.ToSlash(name), text: string(text)})
	}
	return files
}

// TestLinks: every relative link of a page leads somewhere.
func TestLinks(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	links := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, m[1])
			}
		}
	}
	if links < 10 {
		t.Errorf("%d links found: the test is blind", links)
	}
}

// TestConnectorsPage: what docs/connectors.md shows of a program is, line by line,
// in a file that compiles or runs in a test.
func TestConnectorsPage(t *testing.T) {
	page, err := os.ReadFile("docs/connectors.md")
	if err != nil {
		t.Fatal(err)
	}
	for language, b := range map[string]struct {
		file   string
		blocks int
	}{
		"go":     {"connectors_example_test.go", 3},
		"python": {"examples/python/credhelper.py", 1},
		"js":     {"examples/node/credhelper.mjs", 1},
	} {
		text, err := os.ReadFile(b.file)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
		if len(blocks) != b.blocks {
			t.Errorf("docs/connectors.md has %d blocks of %s, not %d", len(blocks), language, b.blocks)
		}
		for _, block := range blocks {
			if !strings.Contains(unindented(string(text)), unindented(block[1])) {
				t.Errorf("%s does not have what docs/connectors.md shows:\n%s", b.file, block[1])
			}
		}
	}
}

// unindented is a text without what its lines begin with beside words: blanks and
// the marks of a comment.
func unindented(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimLeft(line, " \t/"))
	}
	return b.String()
}

// TestReadme: it is short enough to be read.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 250 {
		t.Errorf("README.md has %d lines, more than 250", n)
	}
}
