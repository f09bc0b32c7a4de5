package protocol_test

import (
	"os"
	"regexp"
	"strconv"
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

// TestRefusalsAreDocumented: the page has a row for each dialect that says how a call ends for
// which there is no token: the exit code, and what is on stdout.
func TestRefusalsAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../docs/dialects/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(data), "### When there is no token")
	exit, quoted := regexp.MustCompile(`exit (\d+)`), regexp.MustCompile("`([^`]+)` ?(?:on stdout)?, exit")
	for _, d := range protocol.Dialects {
		var cells []string
		for line := range strings.Lines(table) {
			row := strings.Split(line, "|")
			if len(row) == 5 && strings.Contains(strings.ToLower(row[1]), strings.TrimPrefix(d.Name, "python-")) {
				cells = row[2:4]
			}
		}
		if cells == nil {
			t.Errorf("no row for %s", d.Name)
			continue
		}
		for i, kind := range []error{protocol.ErrNoProfile, protocol.ErrLocked} {
			reply := d.Refuse(protocol.Request{Verb: protocol.Get}, &protocol.Error{Kind: kind, Text: "text"})
			if says := exit.FindStringSubmatch(cells[i]); says != nil && says[1] != strconv.Itoa(reply.Exit) {
				t.Errorf("%s: exit %d, and the page says %s", d.Name, reply.Exit, cells[i])
			}
			if says := quoted.FindStringSubmatch(cells[i]); says != nil && !strings.Contains(string(reply.Stdout), says[1]) {
				t.Errorf("%s: %q, and the page says %s", d.Name, reply.Stdout, cells[i])
			}
			if strings.HasPrefix(strings.TrimSpace(cells[i]), "stderr") && (len(reply.Stdout) > 0 || reply.Quiet) {
				t.Errorf("%s: %q, and the page says %s", d.Name, reply.Stdout, cells[i])
			}
		}
	}
}
