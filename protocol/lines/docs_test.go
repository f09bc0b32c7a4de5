package lines_test

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the quoted vectors into docs/dialects/lines.md")

// TestDocs compares each vector that docs/dialects/lines.md quotes with its file.
// To quote one, write its first and its last line, "```lines get#uri" and "```",
// and run: go test ./protocol/lines -run Docs -update
func TestDocs(t *testing.T) {
	const page, begin, end = "../../docs/dialects/lines.md", "```lines ", "```\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	quotes := map[string]string{}
	for _, v := range loadVectors(t) {
		quotes[v.name] = marked("< ", v.lines) + marked("> ", v.replies)
	}
	parts := strings.Split(string(text), begin)
	if len(parts) < 4 {
		t.Fatalf("%s quotes %d vectors: the test is blind", page, len(parts)-1)
	}
	for i, part := range parts[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		_, rest, found := strings.Cut("\n"+rest, "\n"+end)
		if quotes[name] == "" || !found {
			t.Fatalf("%s quotes %s, which is not there or has no end", page, name)
		}
		parts[i+1] = name + "\n" + quotes[name] + end + rest
	}
	right := strings.Join(parts, begin)
	if right == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s does not quote what the vectors say; after a look at the difference, run this test with -update", page)
	}
	if err := os.WriteFile(page, []byte(right), 0o644); err != nil {
		t.Fatal(err)
	}
}

func marked(mark, section string) string {
	var b strings.Builder
	for line := range strings.Lines(section) {
		b.WriteString(mark + line)
	}
	return b.String()
}
