package lines_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/lines"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/vectortest"
)

// FuzzLine holds for any bytes: each line has one reply, which an independent
// reader of JSON understands, and the id that comes back is the one that it reads
// in the request.
func FuzzLine(f *testing.F) {
	for _, v := range loadVectors(f) {
		if text := vectortest.Expand(f, v.Sections["lines"]); len(text) < 4096 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		a := new(answerer)
		var out bytes.Buffer
		if err := lines.Serve(t.Context(), lines.Config{Answerer: a, Cached: a.cached, In: bytes.NewReader(stream), Out: &out}); err != nil {
			t.Fatal(err)
		}
		asked := bytes.Count(stream, []byte("\n"))
		if len(stream) > 0 && stream[len(stream)-1] != '\n' {
			asked++
		}
		if got := bytes.Count(out.Bytes(), []byte("\n")); got != asked {
			t.Fatalf("%d lines, %d replies", asked, got)
		}
		for line := range bytes.Lines(out.Bytes()) {
			if !json.Valid(line) {
				t.Fatalf("not JSON: %q", line)
			}
		}
		for line := range bytes.Lines(stream) {
			checkLine(t, bytes.TrimSuffix(line, []byte("\n")))
		}
	})
}

func checkLine(t *testing.T, line []byte) {
	t.Helper()
	id, r, err := lines.Decode(line)
	if err == nil {
		if id == nil || r.Profile == "" && r.URL == (origin.URL{}) {
			t.Fatalf("%q: understood as nothing", line)
		}
		if r.Verb != protocol.Get && (r.Verb != protocol.Forget || r.Refused.IsZero()) {
			t.Fatalf("%q: verb %d", line, r.Verb)
		}
	} else if code := protocol.ExitCode(err); code != 2 && code != 9 {
		t.Fatalf("%q: %v is exit %d", line, err, code)
	}
	if id == nil {
		return
	}
	var request, done map[string]json.RawMessage
	if err := json.Unmarshal(line, &request); err != nil {
		t.Fatalf("%q: an independent reader: %v", line, err)
	}
	if err := json.Unmarshal(lines.AppendDone(nil, id), &done); err != nil || !bytes.Equal(done["id"], request["id"]) {
		t.Fatalf("%q: the id %q came back as %q, %v", line, request["id"], done["id"], err)
	}
}
