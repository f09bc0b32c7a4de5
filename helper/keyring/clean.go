package keyring

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/credhelper/credhelper/protocol/secret"
)

// CleanSecret returns the secret that was typed, pasted or piped. One final LF or CRLF
// is removed. Anything else that cannot be intended is an error: a byte order mark,
// control characters, invisible characters, text that is not UTF-8, an empty text, or
// one longer than MaxSecret. The error says what was found and at which byte, counted
// from 1, but does not quote the text around it. RFC 6749 appendix A.2 allows 0x20-0x7E
// in a client secret; other visible characters are accepted for passphrases.
func CleanSecret(raw []byte) (secret.Text, error) {
	text, cut := bytes.CutSuffix(raw, []byte("\n"))
	if cut {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	switch {
	case len(text) == 0:
		return secret.Text{}, problem(ErrInvalid, "the secret is empty")
	case len(text) > MaxSecret:
		return secret.Text{}, problem(ErrInvalid, "the secret has more than %d bytes", MaxSecret)
	}
	for _, mark := range byteOrderMarks {
		if bytes.HasPrefix(text, mark) {
			return secret.Text{}, problem(ErrInvalid, "the secret starts with a byte order mark; save it as plain text without one")
		}
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if what := unseen(r, size); what != "" {
			return secret.Text{}, problem(ErrInvalid, "the secret has %s at byte %d of %d", what, at+1, len(text))
		}
		at += size
	}
	return secret.New(string(text)), nil
}

// byteOrderMarks are those of UTF-8, and of UTF-16 in both orders, as PowerShell's ">"
// writes.
var byteOrderMarks = [...][]byte{{0xEF, 0xBB, 0xBF}, {0xFF, 0xFE}, {0xFE, 0xFF}}

// unseen returns what is wrong with a character; "" if nothing is.
func unseen(r rune, size int) string {
	switch {
	case r == utf8.RuneError && size <= 1:
		return "a byte that is not UTF-8"
	case r == '\n' || r == '\r':
		return "a line break"
	case r == '\t':
		return "a tab"
	case unicode.IsControl(r):
		return fmt.Sprintf("the control character U+%04X", r)
	case r != ' ' && !unicode.IsGraphic(r), r != ' ' && unicode.IsSpace(r), unicode.Is(unicode.Zs, r) && r != ' ':
		return fmt.Sprintf("the invisible character U+%04X", r)
	}
	return ""
}
