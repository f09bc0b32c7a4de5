package printable_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol/printable"
)

// TestValue (T23): what somebody else wrote, within a message of ours.
func TestValue(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"plain text ~", "plain text ~"}, {"\x1b[2J", "?[2J"}, {"a\r\nb", "a??b"}, {"\x00\x07\x7f\x80\xff", "?????"},
		{"é", "??"}, {"\u202e", "???"}, {"\u2028", "???"}, {"\x9b31m", "?31m"},
		{strings.Repeat("x", 200), strings.Repeat("x", 200)}, {strings.Repeat("x", 201), strings.Repeat("x", 200)},
	} {
		if got := printable.Value(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// TestLine (T23): a whole message, whatever an error says. Two errors that were joined
// can be told apart.
func TestLine(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain\n", "plain"},
		{errors.Join(errors.New("the first"), errors.New("the second")).Error(), "the first; the second"},
		{"\x1b]52;c;x\a", "?]52;c;x?"},
		{"\u202eevil\u2028", "???evil???"},
		{"tab\tand\rreturn", "tab?and?return"},
		{strings.Repeat("x", 1024), strings.Repeat("x", 1024)}, {strings.Repeat("x", 1025), strings.Repeat("x", 1024)},
	} {
		if got := printable.Line(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// FuzzValue (T23): printable ASCII, 200 at most, what is clean stays, and a line says
// the same.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b]52;c;ZXZpbA==\x07", "é\u202e\u2028", strings.Repeat("x", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := printable.Value(s)
		if len(got) != min(len(s), 200) {
			t.Errorf("%d bytes of %d", len(got), len(s))
		}
		for i := range len(got) {
			if got[i] < 0x20 || got[i] > 0x7e || got[i] != s[i] && got[i] != '?' {
				t.Fatalf("byte %d of %q", i, got)
			}
		}
		if printable.Value(got) != got || printable.Line(got) != got || !printable.Is(got) {
			t.Error("not the same a second time")
		}
		if line := printable.Line(s); len(line) > 1024 || !printable.Is(line) {
			t.Errorf("the line %q", line)
		}
	})
}
