package protocol_test

import (
	"os"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestTableIsDocumented: the page that lists the dialects has each row of the table
// with its words and its executable name, and no row of it is without a page.
func TestTableIsDocumented(t *testing.T) {
	data, err := os.ReadFile("../docs/dialects/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(data), "|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) < 10 {
		t.Fatalf("%d rows: the test is blind", len(rows))
	}
	for _, d := range protocol.Dialects {
		found := false
		for _, row := range rows {
			if !strings.Contains(row, "`"+d.Name+"`") {
				continue
			}
			found = true
			for _, word := range d.Words {
				if !strings.Contains(row, "`"+word+"`") {
					t.Errorf("%s: the word %s is not in %s", d.Name, word, row)
				}
			}
			if d.Link != "" && !strings.Contains(row, "| `"+d.Link+"` |") {
				t.Errorf("%s: the name %s is not in %s", d.Name, d.Link, row)
			}
		}
		if !found {
			t.Errorf("%s is not listed", d.Name)
		}
	}
}

// TestFrontAnswers: which dialects a cached answer of needs no engine for; cargo
// talks to and fro, and reject has nothing to answer from.
func TestFrontAnswers(t *testing.T) {
	engine := map[string]bool{"cargo": true, "reject": true}
	for _, d := range protocol.Dialects {
		if d.Front == engine[d.Name] {
			t.Errorf("%s: answered by the front: %v", d.Name, d.Front)
		}
	}
}
