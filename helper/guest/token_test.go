package guest

import (
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// FuzzToken: of all texts only those that were issued are local tokens, and each says what
// it was issued with.
func FuzzToken(f *testing.F) {
	k := &keys{Key: strings.Repeat("0f", 32)}
	g := &Guest{Name: "jci", Secrets: [2][32]byte{{1}, {2}}}
	now := time.Unix(1_800_000_000, 0)
	issued := map[string]claims{}
	for _, n := range []protocol.Narrowing{{}, {Scope: "read"}, {Scope: "read write", Audience: "a"}, {Audience: "b"}} {
		c := claims{"jci", n, now.Unix() + 60}
		text := k.issue(c, g.Secrets[0]).Reveal()
		issued[text] = c
		f.Add(text)
		f.Add(text[:20] + "\r" + text[20:])
	}
	f.Add(tokenPrefix + strings.Repeat("A", 64))
	f.Fuzz(func(t *testing.T, text string) {
		c, mac, ok := readToken(text)
		if ok {
			_, ok = k.opens(g, c, mac, now)
		}
		want, known := issued[text]
		if ok != known || known && c != want {
			t.Errorf("%q: %+v, %v", text, c, ok)
		}
	})
}
