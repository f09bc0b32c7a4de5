package curl

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// redacted returns a text as the redactor passes it on, written in pieces of a size.
func redacted(t *testing.T, size int, text string, secrets ...string) string {
	t.Helper()
	var out bytes.Buffer
	r := NewRedactor(func(b []byte) error { out.Write(b); return nil }, secrets...)
	for rest := []byte(text); len(rest) > 0; {
		n := min(size, len(rest))
		if _, err := r.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	r.Flush()
	return out.String()
}

// TestRedactor: no secret passes, and no part of one, in however many pieces; everything
// else does (T8).
func TestRedactor(t *testing.T) {
	const long = "0123456789abcdefghijABCDEFGHIJ"
	for _, c := range []struct{ name, text, want string }{
		{"whole", "> Authorization: Bearer " + long + "\r\n", "> Authorization: Bearer REDACTED\r\n"},
		{"cut at its end", "[authorization: Bearer " + long[:20] + "...]\n", "[authorization: Bearer REDACTED...]\n"},
		{"cut at its beginning", "x " + long[9:] + "\n", "x REDACTED\n"},
		{"a part of it", "x " + long[4:17] + " y\n", "x REDACTED y\n"},
		{"twice", long + long + "\n", "REDACTEDREDACTED\n"},
		{"twice, parted", long + " " + long + "\n", "REDACTED REDACTED\n"},
		{"too little to tell", "x " + long[:11] + "\n", "x " + long[:11] + "\n"},
		{"nearly", long[:11] + "-" + long[11:20] + "\n", long[:11] + "-" + long[11:20] + "\n"},
		{"a short one", "aab.aac aab.aaab.aac aab.aa\n", "REDACTED aab.aREDACTED aab.aa\n"},
		{"no end of line", "x 0123", "x 0123"},
	} {
		for size := 1; size <= len(c.text); size++ {
			if got := redacted(t, size, c.text, long, "aab.aac"); got != c.want {
				t.Fatalf("%s, in pieces of %d: %q, want %q", c.name, size, got, c.want)
			}
		}
	}
}

// TestRedactorWaits: a complete line is written at once.
func TestRedactorWaits(t *testing.T) {
	var out bytes.Buffer
	r := NewRedactor(func(b []byte) error { out.Write(b); return nil }, "0123456789abcdef")
	if _, err := r.Write([]byte("* Connected to 0123\n")); err != nil || out.String() != "* Connected to 0123\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestProxySecrets: the parts of a proxy's address that are secret.
func TestProxySecrets(t *testing.T) {
	for address, want := range map[string][]string{
		"":                                     nil,
		"http://proxy.example:3128":            nil,
		"http://user@proxy.example:3128":       nil,
		"http://user:@proxy.example":           nil,
		"http://user:pw@proxy.example:3128":    {":pw@", "dXNlcjpwdw=="},
		"user:long-password@proxy.example":     {":long-password@", "long-password", "dXNlcjpsb25nLXBhc3N3b3Jk"},
		"socks5h://u%40d:pass%40word@h:1":      {":pass%40word@", "pass%40word", "pass@word", "dUBkOnBhc3NAd29yZA=="},
		"http://user:p@ss@proxy.example:3128/": {":p@ss@", "dXNlcjpwQHNz"},
	} {
		got := ProxySecrets(address)
		for _, form := range want {
			if !slices.Contains(got, form) {
				t.Errorf("%q: %q lacks %q", address, got, form)
			}
		}
		if want == nil && got != nil {
			t.Errorf("%q: %q", address, got)
		}
	}
}

// FuzzRedactor: whatever surrounds it, no part of the secret passes.
func FuzzRedactor(f *testing.F) {
	const long = "0123456789abcdefghijABCDEFGHIJ"
	f.Add("Bearer ", "\n", 3, 5)
	f.Add(long[:5], long[5:], 1, 0)
	f.Fuzz(func(t *testing.T, before, after string, size, from int) {
		size, from = max(1, size), min(max(0, from), len(long)-piece)
		got := redacted(t, size, before+long[from:]+after, long)
		for i := range len(long) - piece {
			if strings.Contains(got, long[i:i+piece]) {
				t.Fatalf("%q shows %q", got, long[i:i+piece])
			}
		}
	})
}
