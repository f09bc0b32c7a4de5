package cache

import (
	"slices"
	"testing"

	"github.com/credhelper/credhelper/protocol/origin"
)

// FuzzHostKeys: the keys of an origin's canonical form are those of the origin, whatever
// host, port and path it has. A key that was missing would make a profile's host
// nobody's.
func FuzzHostKeys(f *testing.F) {
	for _, text := range []string{
		"https://example.com", "https://example.com:8443", "https://example.com/a/b:c", "https://example.com:8443/[x]",
		"https://*.example.com", "https://*.example.com:8443/a", "http://127.0.0.1:8080", "http://localhost/x",
		"https://[::1]", "https://[2001:db8::1]:8443/a]b", "https://EXAMPLE.com:443/%7Ea", "https://xn--bcher-kva.example", "http://intranet",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := origin.Parse(text)
		if err != nil {
			return
		}
		want := []string{"before", o.RouteKey()}
		if parent, wild := o.Wildcard(); wild {
			want = append(want, parent)
		}
		if got := AppendHostKeys([]string{"before"}, o.String()); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", o, got, want)
		}
	})
}
