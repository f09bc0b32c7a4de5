package house

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestIDs: an id that a comment cites is one that somebody can look up: a promise of
// docs/security.md, or a row of scripts/internal/faults. What has neither is said in
// words.
func TestIDs(t *testing.T) {
	id := regexp.MustCompile(`\b[A-Z]\d{1,2}\b|\brow \d+\b|\brows \d+,|\bno\. \d+`)
	defined := definedIDs(t)
	cited := 0
	for _, f := range append(sources(t, false), sources(t, true)...) {
		for _, group := range f.ast.Comments {
			for _, name := range id.FindAllString(group.Text(), -1) {
				cited++
				if !defined[name] {
					t.Errorf("%s: nobody defines %s", f.set.Position(group.Pos()), name)
				}
			}
		}
	}
	if cited < 100 {
		t.Errorf("%d ids are cited: the test is blind", cited)
	}
}

// definedIDs are the ids of the page's promises, "O3–O7" being all of them, and of
// the rows of faults, of which "K8-rest" is K8, too.
func definedIDs(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string]bool{}
	for _, m := range regexp.MustCompile(`\b([A-Z])(\d{1,2})(?:(?: to |–)[A-Z](\d{1,2}))?\b`).FindAllStringSubmatch(string(page), -1) {
		from, _ := strconv.Atoi(m[2])
		to, err := strconv.Atoi(m[3])
		if err != nil {
			to = from
		}
		for n := from; n <= to; n++ {
			defined[m[1]+strconv.Itoa(n)] = true
		}
	}
	files, err := filepath.Glob("scripts/internal/faults/*.txt")
	if err != nil || len(files) == 0 || len(defined) == 0 {
		t.Fatalf("%d files of faults, %d promises: %v", len(files), len(defined), err)
	}
	word := regexp.MustCompile(`\b[A-Z]\d{1,2}(?:\b|[a-z]\b)`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			first, _, _ := strings.Cut(line, "\t")
			for _, found := range word.FindAllString(first, -1) {
				maps.Insert(defined, maps.All(map[string]bool{strings.TrimRight(found, "abcdefgh"): true}))
			}
		}
	}
	return defined
}
