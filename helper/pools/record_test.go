package pools

import (
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestRecord: what was remembered about a token comes back, and a damaged text is no
// record.
func TestRecord(t *testing.T) {
	token := secret.New("token")
	want := Record{Number: 1 << 40, By: "host-1", Mark: protocol.Mark(token), Fingerprint: "0badcafe", Refused: true, Alone: true}
	text := want.encode()
	got, ok := decode(text)
	if !ok || got != want || !got.Of(token) || got.Of(secret.New("other")) {
		t.Errorf("came back as %+v, %v", got, ok)
	}
	for n := range text {
		if r, ok := decode(text[:n]); ok {
			t.Errorf("the first %d bytes are the record %+v", n, r)
		}
	}
	if long, ok := decode(Record{By: strings.Repeat("h", 300)}.encode()); !ok || len(long.By) != 255 {
		t.Errorf("a long name of a host came back as %d bytes, %v", len(long.By), ok)
	}
}

// FuzzDecode: what is read as a record is written as the same one.
func FuzzDecode(f *testing.F) {
	f.Add(Record{Number: 7, By: "host-1", Mark: "mark", Fingerprint: "0badcafe"}.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := decode(b)
		if !ok {
			return
		}
		if again, ok := decode(r.encode()); !ok || again != r {
			t.Errorf("%+v came back as %+v, %v", r, again, ok)
		}
	})
}
