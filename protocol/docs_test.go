package protocol_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

var update = flag.Bool("update", false, "write the quoted vectors into docs/dialects")

const (
	quoteBegin = "```vector "
	quoteEnd   = "```\n"
)

// TestDocs compares each vector that docs/dialects quotes with its file:
//
//	```vector git/get#before-2.46
//	$ git-credential-credhelper get
//	...
//	```
//
// Write the first and the last line, then run: go test ./protocol -run Docs -update
func TestDocs(t *testing.T) {
	pages, _ := filepath.Glob("../docs/dialects/*.md")
	if len(pages) == 0 {
		t.Fatal("docs/dialects holds no pages")
	}
	byID := map[string]*vector{}
	for _, d := range protocol.Dialects {
		for _, v := range loadVectors(t, d.Name) {
			byID[v.id()] = v
		}
	}
	quoted := map[string]bool{}
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := quote(t, page, string(data), byID, quoted)
		if text == string(data) {
			continue
		}
		if !*update {
			t.Errorf("%s does not quote what the vectors say; after a look at the difference, run this test with -update", page)
			continue
		}
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range protocol.Dialects {
		if !quoted[d.Name] {
			t.Errorf("no page of docs/dialects quotes a vector of %s", d.Name)
		}
	}
}

// quote is the page with each quotation as it should be.
func quote(t *testing.T, page, text string, byID map[string]*vector, quoted map[string]bool) string {
	t.Helper()
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, quoteBegin)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		id, rest, _ := strings.Cut(rest, "\n")
		v := byID[id]
		if v == nil {
			t.Fatalf("%s quotes %s, which is not there", page, id)
		}
		at := strings.Index("\n"+rest, "\n"+quoteEnd)
		if at < 0 {
			t.Fatalf("%s: the quotation of %s has no end", page, id)
		}
		quoted[v.dialect] = true
		b.WriteString(quoteBegin + id + "\n" + v.render() + quoteEnd)
		text = rest[at+len(quoteEnd):]
	}
}

// render shows a vector to people: what is typed or run ($), sent (<), answered
// (>), and how it ends (!).
func (v *vector) render() string {
	var b strings.Builder
	mark := func(mark, section string) {
		text := strings.ReplaceAll(v.sections[section], "{{end}}", "")
		for line := range strings.Lines(text) {
			b.WriteString(strings.TrimRight(mark+" "+line, " \n") + "\n")
		}
	}
	mark("$", "call")
	mark("<", "stdin")
	mark(">", "answer")
	if failure, failed := v.sections["error"]; failed {
		exit, kind, quiet := "1", "", ""
		for _, line := range lines(failure) {
			switch key, value, _ := strings.Cut(line, " "); key {
			case "exit":
				exit = value
			case "kind":
				kind = value
			case "quiet":
				quiet = ", nothing on stderr"
			}
		}
		b.WriteString("! exit " + exit + ", " + kind + quiet + "\n")
	} else if v.sections["answer"] == "" {
		b.WriteString("! exit 0\n")
	}
	if profile := strings.TrimSpace(v.sections["forgets"]); profile != "" {
		b.WriteString("! the cached token of " + profile + " is dropped\n")
	}
	return b.String()
}
