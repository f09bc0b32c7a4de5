package lines_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol/vectortest"
)

var update = flag.Bool("update", false, "write the quoted vectors into docs/dialects/lines.md")

// TestDocs compares each vector that docs/dialects/lines.md quotes with its file.
// To quote one, write its first and its last line, "```lines get#uri" and "```",
// and run: go test ./protocol/lines -run Docs -update
func TestDocs(t *testing.T) {
	shown := map[string]string{}
	for _, v := range loadVectors(t) {
		shown[v.ID] = marked("< ", v.Sections["lines"]) + marked("> ", v.Sections["replies"])
	}
	if quoted := vectortest.Quotes(t, "../../docs/dialects/lines.md", "```lines ", shown, *update); len(quoted) < 3 {
		t.Errorf("the page quotes %q: the test is blind", quoted)
	}
}

func marked(mark, section string) string {
	var b strings.Builder
	for line := range strings.Lines(section) {
		b.WriteString(mark + line)
	}
	return b.String()
}
