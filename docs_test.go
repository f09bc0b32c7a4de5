package house

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// promise is one of docs/security.md: a list item, and below it what proves it.
type promise struct {
	text   string
	proofs string
}

// promises reads the page: "- **Promise.** ...", then "  - `package.Test`, `script.txtar`".
func promises(t *testing.T) (list []promise) {
	t.Helper()
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	text, _, found := strings.Cut(string(page), "\n## What is not promised\n")
	if !found {
		t.Fatal("the page does not say what is not promised")
	}
	inProofs := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "- "):
			list, inProofs = append(list, promise{text: line}), false
		case len(list) == 0 || !strings.HasPrefix(line, "  "):
		case strings.HasPrefix(line, "  - "), inProofs:
			list[len(list)-1].proofs += line
			inProofs = true
		default:
			list[len(list)-1].text += line
		}
	}
	return list
}

// TestSecurityPage: every test that docs/security.md calls a proof exists, in the
// package that the page says, and so does every script; every promise has one that runs
// an executable, or a mutant that turns one of its tests red.
func TestSecurityPage(t *testing.T) {
	known := map[string]bool{}
	for _, f := range append(sources(t, true), nestedTests(t)...) {
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(f.text, -1) {
			known[strings.TrimPrefix(path.Dir(f.path), ".")+"."+m[1]] = true
		}
	}
	mutated := mutatedTests(t)
	list, named := promises(t), 0
	for _, p := range list {
		proofs := regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(p.proofs, -1)
		runs := false
		for _, m := range proofs {
			named++
			runs = runs || mutated[m[1]] || runsExecutable(m[1])
			if found, _ := filepath.Glob("cmd/*/testdata/script/" + m[1]); !known[m[1]] && len(found) == 0 {
				t.Errorf("docs/security.md names %s, which is neither a test (package.Test) nor a script", m[1])
			}
		}
		if !runs {
			t.Errorf("no proof runs an executable, and no mutant breaks it: %s", p.text)
		}
	}
	if len(list) < 40 || named < 80 {
		t.Errorf("the page has %d promises and names %d tests: the test is blind", len(list), named)
	}
}

// runsExecutable reports whether a proof is a script or a test of a package that builds
// executables and runs them.
func runsExecutable(proof string) bool {
	pkg, _, _ := strings.Cut(proof, ".")
	return strings.HasSuffix(proof, ".txtar") || pkg == "cmd/credhelper" || pkg == "cmd/credhelper-engine" || pkg == "test/tools" || pkg == "test/release"
}

// mutatedTests are the tests and scripts that a mutant must turn red.
func mutatedTests(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("scripts/internal/mutants/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no mutants are found", err)
	}
	all := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^test \./?(\S*) (\w+)(?:/(\S+))?$`).FindAllStringSubmatch(string(text), -1) {
			all[m[1]+"."+m[2]] = true
			if m[2] == "TestScripts" {
				all[m[3]+".txtar"] = true
			}
		}
	}
	return all
}

// pages returns the text of every page, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(name)] = string(text)
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d pages were found", len(all))
	}
	return all
}

const (
	longestLine = 100 // columns of a line of prose
	longestCell = 200 // characters of a cell of a table
)

// TestPagesAreWrapped checks that prose fits into a terminal and into a diff, and that
// no cell of a table hides a paragraph. Code and words longer than a line, such as URLs,
// are exempt.
func TestPagesAreWrapped(t *testing.T) {
	for name, text := range pages(t) {
		number, code := 0, false
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimRight(line, "\n")
			switch {
			case strings.HasPrefix(line, "```"):
				code = !code
			case code:
			case strings.HasPrefix(line, "|"):
				for cell := range strings.SplitSeq(strings.ReplaceAll(line, `\|`, " "), "|") {
					if n := utf8.RuneCountInString(strings.TrimSpace(cell)); n > longestCell {
						t.Errorf("%s:%d has a cell of %d characters: put the rest below the table", name, number, n)
					}
				}
			case utf8.RuneCountInString(line) > longestLine && len(strings.Fields(line)) > 2:
				t.Errorf("%s:%d is longer than %d columns", name, number, longestLine)
			}
		}
	}
}

// TestPagesUseTheFieldsTerms: this project's own names for its parts stay out of its pages.
func TestPagesUseTheFieldsTerms(t *testing.T) {
	words := regexp.MustCompile(`(?i)\b(houses?|rooms?|roads?|octets?)\b`)
	for name, text := range pages(t) {
		if word := words.FindString(text); word != "" {
			t.Errorf("%s says %q: write package, layer, path of a request or byte", name, word)
		}
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
	links := 0
	for page, text := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
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

// anchorOf is the anchor that GitHub gives to a heading.
func anchorOf(heading string) string {
	heading = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// anchors are those of a page's headings.
func anchors(page string) map[string]bool {
	all, code := map[string]bool{}, false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if marks, heading, found := strings.Cut(line, "# "); found && !code && strings.Trim(marks, "#") == "" {
			all[anchorOf(heading)] = true
		}
	}
	return all
}

// TestAnchors: a link to a part of a page leads to a heading of that page.
func TestAnchors(t *testing.T) {
	all, links := pages(t), 0
	for page, text := range all {
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]*)#([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			to := page
			if m[1] != "" {
				to = path.Join(path.Dir(page), m[1])
			}
			if target, ours := all[to]; ours {
				if links++; !anchors(target)[m[2]] {
					t.Errorf("%s links to %s#%s, and no heading there is called so", page, to, m[2])
				}
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links to parts of pages: the test is blind", links)
	}
}

// TestScriptsAreListed: CONTRIBUTING.md lists each script, and each part of the tests that
// scripts/test has, and nothing else.
func TestScriptsAreListed(t *testing.T) {
	page, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(scripts/\w+(?: [a-z]+)?)  +\S`).FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = true
	}
	there := map[string]bool{"scripts/test all": true}
	entries, err := os.ReadDir("scripts")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			there["scripts/"+strings.Replace(e.Name(), "-", " ", 1)] = true
		}
	}
	for name := range there {
		if !listed[name] {
			t.Errorf("CONTRIBUTING.md does not list %s", name)
		}
	}
	for name := range listed {
		if !there[name] {
			t.Errorf("CONTRIBUTING.md lists %s, which is not there", name)
		}
	}
	if len(there) < 10 {
		t.Errorf("%d scripts: the test is blind", len(there))
	}
}

// TestMessagesNameTopics: what the program says sends people to credhelper help, which has the
// pages wherever they were installed, and to a topic that there is.
func TestMessagesNameTopics(t *testing.T) {
	topics := map[string]bool{"topics": true}
	for page := range pages(t) {
		if strings.HasPrefix(page, "docs/") {
			topics[strings.TrimSuffix(path.Base(page), ".md")] = true
		}
	}
	named := 0
	for _, f := range sources(t, false) {
		if forTests(f.path) || strings.HasPrefix(f.path, "scripts/") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return true
			}
			if strings.Contains(text.Value, ".md") && strings.Contains(text.Value, "docs/") {
				t.Errorf("%s: %s names a file, and people may have none: credhelper help TOPIC", f.set.Position(text.Pos()), text.Value)
			}
			for _, m := range regexp.MustCompile(`credhelper help ([a-z-]+)`).FindAllStringSubmatch(strings.ReplaceAll(text.Value, `\\-`, "-"), -1) {
				if named++; !topics[m[1]] {
					t.Errorf("%s: there is no topic %s", f.set.Position(text.Pos()), m[1])
				}
			}
			return true
		})
	}
	if named < 10 {
		t.Errorf("%d topics named: the test is blind", named)
	}
}
