package keyring

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/credhelper/credhelper/protocol/secret"
)

// CleanSecret makes a secret of what somebody typed, pasted or piped. One
// final LF or CRLF is the end of the line and is removed. Whatever else cannot
// be meant is an error that says what was found and where, in bytes from 1,
// but never quotes what stands around it: a byte order mark, control bytes,
// characters that cannot be seen, text that is not UTF-8, nothing at all, more
// than MaxSecret. RFC 6749 appendix A.2 allows 0x20-0x7E in a client secret;
// visible letters beyond are let through, for passphrases.
func CleanSecret(raw []byte) (secret.Text, error) {
	text, cut := bytes.CutSuffix(raw, []byte("\n"))
	if cut {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	switch {
	case len(text) == 0:
		return secret.Text{}, fmt.Errorf("%w: the secret is empty", ErrInvalid)
	case len(text) > MaxSecret:
		return secret.Text{}, fmt.Errorf("%w: the secret has more than %d bytes", ErrInvalid, MaxSecret)
	}
	for _, mark := range byteOrderMarks {
		if bytes.HasPrefix(text, mark) {
			return secret.Text{}, fmt.Errorf("%w: the secret starts with a byte order mark; save it as plain text without one", ErrInvalid)
		}
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if what := unseen(r, size); what != "" {
			return secret.Text{}, fmt.Errorf("%w: the secret has %s at byte %d of %d", ErrInvalid, what, at+1, len(text))
		}
		at += size
	}
	return secret.New(string(text)), nil
}

// byteOrderMarks: UTF-8, and UTF-16 in both orders as PowerShell's ">" writes.
var byteOrderMarks = [...][]byte{{0xEF, 0xBB, 0xBF}, {0xFF, 0xFE}, {0xFE, 0xFF}}

// unseen names what is wrong with a character, or returns "".
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
