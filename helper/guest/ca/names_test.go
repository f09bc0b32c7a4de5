package ca

import (
	"strings"
	"testing"
)

// TestCheckName: an authority is made for single hosts only, since its constraint permits
// whatever is below a name.
func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"door.example.com": "door.example.com", "Door.Example.COM": "door.example.com", "example.com": "example.com",
		"host.docker.internal": "host.docker.internal", "xn--tr-eka.example": "xn--tr-eka.example", "a.github.io": "a.github.io",
		"localhost": "localhost", "192.0.2.7": "192.0.2.7", "2001:DB8::7": "2001:db8::7", "::ffff:192.0.2.7": "192.0.2.7", "127.0.0.1": "127.0.0.1",
		// public suffixes, and single labels, which the list treats alike
		"com": "", "co.uk": "", "github.io": "", "internal": "", "door": "", "local": "",
		// patterns, and what is no name
		"*.example.com": "", "*": "", "": "", ".": "", ".example.com": "", "example.com.": "", "a..b": "", "a b.example": "", "-a.example": "", "a-.example": "",
		"example.com:443": "", "https://example.com": "", "exa_mple.com": "", "münchen.example": "", "1.2.3": "", "a.0x7f": "", "300.1.1.1": "",
		strings.Repeat("a", 64) + ".example": "", strings.Repeat("a.", 130) + "example": "",
		"0.0.0.0": "", "::": "", "224.0.0.1": "", "fe80::1%eth0": "", "::ffff:0.0.0.0": "",
	} {
		got, err := CheckName(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
}

// TestConcerns: a name concerns a host if it is that host, if the host is below it, or if
// the host is a pattern that meets it.
func TestConcerns(t *testing.T) {
	for pair, want := range map[string]bool{
		"api.example.com api.example.com": true, "example.com api.example.com": true, "api.example.com example.com": false, "xample.com example.com": false,
		"door.example.com *.example.com": true, "example.com *.example.com": true, "com.example *.example.com": false, "a.door.example.com *.example.com": true,
		"192.0.2.7 192.0.2.7": true, "192.0.2.7 192.0.2.8": false,
	} {
		name, host, _ := strings.Cut(pair, " ")
		if Concerns(name, host) != want {
			t.Errorf("%s: %v", pair, !want)
		}
	}
}

// FuzzCheckName: what is accepted is canonical, and makes an authority.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"door.example.com", "co.uk", "192.0.2.7", "::1", "a.*", "A.B"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := CheckName(name)
		if err != nil {
			return
		}
		if again, err := CheckName(got); err != nil || again != got {
			t.Errorf("%q gives %q, which gives %q, %v", name, got, again, err)
		}
		a, err := New([]string{got}, made)
		if err != nil || !a.Covers(got) {
			t.Errorf("%q: %v", got, err)
		}
	})
}
