package keyring_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/credhelper/credhelper/helper/keyring"
)

// TestCleanSecret: what people paste, and what they are told about it.
func TestCleanSecret(t *testing.T) {
	for _, c := range []struct{ name, raw, want, says string }{
		{"plain", canary, canary, ""},
		{"pasted with a newline", canary + "\n", canary, ""},
		{"pasted with CRLF", canary + "\r\n", canary, ""},
		{"spaces are legal (RFC 6749 A.2)", " a b ", " a b ", ""},
		{"visible letters", "pässwörd-密码-ß", "pässwörd-密码-ß", ""},
		{"punctuation", "~!@#$%^&*()_+`-={}|[]\\:\";'<>?,./", "~!@#$%^&*()_+`-={}|[]\\:\";'<>?,./", ""},
		{"the longest", strings.Repeat("x", keyring.MaxSecret) + "\r\n", strings.Repeat("x", keyring.MaxSecret), ""},
		{"nothing", "", "", "empty"},
		{"only a newline", "\n", "", "empty"},
		{"only CRLF", "\r\n", "", "empty"},
		{"two newlines", canary + "\n\n", "", "a line break at byte 25 of 25"},
		{"newline first", "\n" + canary, "", "a line break at byte 1 of"},
		{"two lines", "one\ntwo", "", "a line break at byte 4 of 7"},
		{"a lone CR at the end", canary + "\r", "", "a line break"},
		{"LF CR", canary + "\n\r", "", "a line break"},
		{"a tab", "a\tb", "", "a tab at byte 2"},
		{"NUL", "a\x00b", "", "control character U+0000"},
		{"ESC", "a\x1b[31m", "", "control character U+001B"},
		{"DEL", "a\x7f", "", "control character U+007F"},
		{"C1", "a\u009bb", "", "control character U+009B"},
		{"UTF-8 byte order mark", "\ufeff" + canary, "", "byte order mark"},
		{"UTF-16 little endian, as PowerShell's >", "\xff\xfea\x00b\x00", "", "byte order mark"},
		{"UTF-16 big endian", "\xfe\xff\x00a", "", "byte order mark"},
		{"byte order mark inside", "a\ufeffb", "", "invisible character U+FEFF"},
		{"no-break space", "a\u00a0b", "", "invisible character U+00A0"},
		{"zero width space", canary + "\u200b", "", "invisible character U+200B"},
		{"right-to-left override", "a\u202eb", "", "invisible character U+202E"},
		{"line separator", "a\u2028b", "", "invisible character U+2028"},
		{"Latin-1", "p\xe4ss", "", "not UTF-8 at byte 2"},
		{"cut UTF-8", "a\xe2\x82", "", "not UTF-8"},
		{"too long", strings.Repeat("x", keyring.MaxSecret+1), "", "more than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := keyring.CleanSecret([]byte(c.raw))
			if c.says == "" {
				if err != nil || got.Reveal() != c.want {
					t.Fatalf("%d bytes, %v", got.Len(), err)
				}
				return
			}
			if !errors.Is(err, keyring.ErrInvalid) || !got.IsZero() || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%d bytes, %v; want an error that says %q", got.Len(), err, c.says)
			}
			if strings.Contains(err.Error(), canary) || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < 0x20 || r > 0x7e }) {
				t.Errorf("the error %q shows the secret or is not plain ASCII", err)
			}
		})
	}
}

// FuzzCleanSecret: the result is the input without one line end; it is one visible line, and
// cleaning it again changes nothing.
func FuzzCleanSecret(f *testing.F) {
	for _, seed := range []string{"", "a", "a\n", "a\r\n", "a\n\n", "\ufeffa", "\xff\xfea\x00", "a\x00b", "pässwörd", "a\u200b", "a\xc3"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := keyring.CleanSecret(raw)
		if err != nil {
			if !errors.Is(err, keyring.ErrInvalid) || !got.IsZero() {
				t.Fatalf("%d bytes with error %v", got.Len(), err)
			}
			return
		}
		text := got.Reveal()
		if rest := strings.TrimPrefix(string(raw), text); rest != "" && rest != "\n" && rest != "\r\n" {
			t.Fatalf("%q became %q", raw, text)
		}
		if text == "" || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\t\x00\x7f") {
			t.Fatalf("%q is not one line", text)
		}
		again, err := keyring.CleanSecret([]byte(text))
		if err != nil || again.Reveal() != text {
			t.Fatalf("%q is not clean: %v", text, err)
		}
	})
}
