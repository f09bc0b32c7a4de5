package curl

import (
	"bytes"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol/secret"
)

// TestRedactor: the token does not come through, in however many pieces (T8).
func TestRedactor(t *testing.T) {
	const token = "aab.aac"
	text := "> Authorization: Bearer aab.aac\r\nx aab.aaab.aac aab.aa" + "\n"
	want := strings.ReplaceAll(text, token, secret.Redacted)
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		r := &Redactor{Token: secret.New(token), To: func(b []byte) error { out.Write(b); return nil }}
		for rest := []byte(text); len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := r.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		r.Flush()
		if out.String() != want {
			t.Fatalf("in pieces of %d: %q", size, out.String())
		}
	}
}
