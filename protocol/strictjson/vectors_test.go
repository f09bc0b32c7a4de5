package strictjson

import (
	"errors"
	"strconv"
	"testing"

	"github.com/credhelper/credhelper/protocol/vectortest"
)

type vector struct{ at, doc, expected string }

// vectors reads a file with the escapes that each documents.
func vectors(t testing.TB, file string) (all []vector) {
	t.Helper()
	for _, l := range vectortest.Lines(t, file, '^', 2) {
		all = append(all, vector{l.At, l.Fields[0], l.Fields[1]})
	}
	return all
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

// TestRequests (R4) reads the member "uri" as the dialects do, from requests that were made to
// be misread.
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
