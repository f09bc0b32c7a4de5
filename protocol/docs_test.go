package protocol_test

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/vectortest"
)

var update = flag.Bool("update", false, "write the quoted vectors into docs/dialects")

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
	shown := map[string]string{}
	for _, d := range protocol.Dialects {
		for _, v := range loadVectors(t, d.Name) {
			shown[v.id] = v.render()
		}
	}
	quoted := map[string]bool{}
	for _, page := range pages {
		for _, id := range vectortest.Quotes(t, page, "```vector ", shown, *update) {
			dialect, _, _ := strings.Cut(id, "/")
			quoted[dialect] = true
		}
	}
	for _, d := range protocol.Dialects {
		if !quoted[d.Name] {
			t.Errorf("no page of docs/dialects quotes a vector of %s", d.Name)
		}
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
