// Package vectortest reads vectors, which are a request and what must come of it, from the
// files in testdata, and compares what the documentation quotes of them. Only tests import
// it. The README.md beside the files describes their sections.
package vectortest

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Vector is one vector of a file in the form of txtar.
type Vector struct {
	ID       string            // FILE#NAME
	Sections map[string]string // by name; escapes still in them
}

// Load reads the vectors of all files that a pattern matches. It fails if there are none,
// if a file does not say where they are from, and if a section is of another name or there
// twice.
func Load(t testing.TB, pattern string, sections ...string) (all []*Vector) {
	t.Helper()
	files, _ := filepath.Glob(pattern)
	for _, file := range files {
		all = append(all, loadFile(t, file, sections)...)
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vectors", pattern)
	}
	return all
}

func loadFile(t testing.TB, file string, sections []string) (all []*Vector) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains("\n"+string(archive.Comment), "\nSource: ") {
		t.Fatalf("%s: no line \"Source: \" at its head", file)
	}
	byName := map[string]*Vector{}
	for _, f := range archive.Files {
		name, section, _ := strings.Cut(f.Name, "/")
		if !slices.Contains(sections, section) {
			t.Fatalf("%s: what is %q?", file, f.Name)
		}
		v := byName[name]
		if v == nil {
			v = &Vector{strings.TrimSuffix(filepath.Base(file), ".txtar") + "#" + name, map[string]string{}}
			byName[name] = v
			all = append(all, v)
		}
		if _, twice := v.Sections[section]; twice {
			t.Fatalf("%s: %s is there twice", file, f.Name)
		}
		v.Sections[section] = string(f.Data)
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return all
}

// Expand reads the escapes of a section: {{0d 0a}} is bytes in hexadecimal, {{TEXT*N}} is
// TEXT N times, and {{end}} is the end of the section, without that of its line.
func Expand(t testing.TB, s string) string {
	t.Helper()
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "{{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		escape, rest, ok := strings.Cut(rest, "}}")
		if !ok {
			t.Fatalf("an escape without its end: {{%.20s", escape)
		}
		s = rest
		if escape == "end" {
			return b.String()
		}
		if text, count, ok := strings.Cut(escape, "*"); ok {
			b.WriteString(strings.Repeat(text, number(t, count)))
			continue
		}
		bytes, err := hex.DecodeString(strings.ReplaceAll(escape, " ", ""))
		if err != nil || len(bytes) == 0 {
			t.Fatalf("{{%.20s}}: not an escape", escape)
		}
		b.Write(bytes)
	}
}

// Line is one vector of a file that has a vector in each line.
type Line struct {
	At     string   // FILE:LINE
	Fields []string // between its tabs, without escapes
}

// Lines reads the vectors of a file in testdata. Empty lines and those that begin with #
// are none. Mark begins an escape: MARK MARK is itself, MARK x41 is a byte in hexadecimal,
// and MARK {TEXT*N} is TEXT N times. It fails if there is no vector, and if one has not so
// many fields.
func Lines(t testing.TB, file string, mark byte, fields int) (all []Line) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		l := Line{file + ":" + strconv.Itoa(i+1), strings.Split(line, "\t")}
		if len(l.Fields) != fields {
			t.Fatalf("%s: %d fields, want %d", l.At, len(l.Fields), fields)
		}
		for j, f := range l.Fields {
			text, ok := unescape(t, f, string(mark))
			if !ok {
				t.Fatalf("%s: unknown escape", l.At)
			}
			l.Fields[j] = text
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return all
}

func unescape(t testing.TB, s, mark string) (text string, ok bool) {
	t.Helper()
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, mark)
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		switch {
		case strings.HasPrefix(rest, mark):
			b.WriteString(mark)
			s = rest[len(mark):]
		case strings.HasPrefix(rest, "x") && len(rest) >= 3:
			bytes, err := hex.DecodeString(rest[1:3])
			if err != nil {
				return "", false
			}
			b.Write(bytes)
			s = rest[3:]
		case strings.HasPrefix(rest, "{"):
			text, after, _ := strings.Cut(rest[1:], "*")
			count, after, _ := strings.Cut(after, "}")
			b.WriteString(strings.Repeat(text, number(t, count)))
			s = after
		default:
			return "", false
		}
	}
}

func number(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%q is no number of times", text)
	}
	return n
}

// Quotes compares the vectors that a page quotes with what they are now, and returns their
// ids. A quotation is between a line of begin and an id, and a line of three backquotes.
// With update it is written anew.
func Quotes(t testing.TB, page, begin string, vectors map[string]string, update bool) (ids []string) {
	t.Helper()
	const end = "```\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), begin)
	for i, part := range parts[1:] {
		id, rest, _ := strings.Cut(part, "\n")
		_, rest, found := strings.Cut("\n"+rest, "\n"+end)
		if vectors[id] == "" || !found {
			t.Fatalf("%s quotes %s, which is not there or has no end", page, id)
		}
		parts[i+1] = id + "\n" + vectors[id] + end + rest
		ids = append(ids, id)
	}
	switch right := strings.Join(parts, begin); {
	case right == string(text):
	case !update:
		t.Errorf("%s does not quote what the vectors say; after a look at the difference, run this test with -update", page)
	default:
		if err := os.WriteFile(page, []byte(right), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}
