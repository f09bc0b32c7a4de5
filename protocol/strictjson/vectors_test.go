package strictjson

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

type vector struct{ at, doc, expected string }

// vectors loads one file and fails when it finds nothing.
func vectors(t testing.TB, file string) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		at := file + ":" + strconv.Itoa(i+1)
		doc, expected, ok := strings.Cut(line, "\t")
		if !ok {
			t.Fatalf("%s: no TAB", at)
		}
		all = append(all, vector{at, unescapeVector(t, at, doc), unescapeVector(t, at, expected)})
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return all
}

// unescapeVector reads the escapes that each file documents.
func unescapeVector(t testing.TB, at, s string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '^' {
			b.WriteByte(s[i])
			continue
		}
		switch rest := s[i+1:]; {
		case strings.HasPrefix(rest, "^"):
			b.WriteByte('^')
			i++
		case strings.HasPrefix(rest, "x") && len(rest) >= 3:
			n, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			b.WriteByte(byte(n))
			i += 3
		case strings.HasPrefix(rest, "{"):
			text, count, _ := strings.Cut(rest[1:], "*")
			count, _, _ = strings.Cut(count, "}")
			n, err := strconv.Atoi(count)
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			b.WriteString(strings.Repeat(text, n))
			i += len(text) + len(count) + 3
		default:
			t.Fatalf("%s: unknown escape", at)
		}
	}
	return b.String()
}

// verdict is the error's text, or ok.
func verdict(t testing.TB, at string, ok string, err error) string {
	t.Helper()
	if err == nil {
		return ok
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: a foreign error %T", at, err)
	}
	return e.Text
}

// TestDocuments (R4) checks whole documents.
func TestDocuments(t *testing.T) {
	for _, v := range vectors(t, "documents.txt") {
		value, err := Parse([]byte(v.doc))
		if got := verdict(t, v.at, "ok", err); got != v.expected {
			t.Errorf("%s: %.60q: %s, want %s", v.at, v.doc, got, v.expected)
		}
		if (value.Kind() == Absent) != (err != nil) {
			t.Errorf("%s: the value is %s and the error %v", v.at, value.Kind(), err)
		}
	}
}

// uri reads a request the way a dialect does.
func uri(doc string) (string, error) {
	v, err := Parse([]byte(doc))
	if err != nil {
		return "", err
	}
	if v.Kind() != Object {
		return "top " + v.Kind().String(), nil
	}
	member, ok := v.Get("uri")
	if !ok {
		return "absent", nil
	}
	text, err := member.Text()
	return "ok " + text, err
}

// TestRequests (R4) holds the hostile inputs 40 to 60.
func TestRequests(t *testing.T) {
	for _, v := range vectors(t, "requests.txt") {
		text, err := uri(v.doc)
		if got := verdict(t, v.at, text, err); got != v.expected {
			t.Errorf("%s: %.60q: %.80s, want %.80s", v.at, v.doc, got, v.expected)
		}
	}
}

// TestIntegers (A17) reads numbers.
func TestIntegers(t *testing.T) {
	for _, v := range vectors(t, "integers.txt") {
		value, err := Parse([]byte(v.doc))
		if err != nil {
			t.Fatalf("%s: %v", v.at, err)
		}
		n, err := value.Int()
		if got := verdict(t, v.at, strconv.FormatInt(n, 10), err); got != v.expected {
			t.Errorf("%s: %s: %s, want %s", v.at, v.doc, got, v.expected)
		}
	}
}

// TestVectorCounts keeps the promised number of vectors.
func TestVectorCounts(t *testing.T) {
	documents := vectors(t, "documents.txt")
	total := len(documents) + len(vectors(t, "requests.txt")) + len(vectors(t, "integers.txt"))
	refused := 0
	for _, v := range documents {
		if v.expected != "ok" {
			refused++
		}
	}
	t.Logf("%d vectors; %d of %d documents refused", total, refused, len(documents))
	if total < 150 || refused*100 < len(documents)*75 {
		t.Errorf("%d vectors, %d of %d documents refused: too few", total, refused, len(documents))
	}
}
