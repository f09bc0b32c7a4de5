// Package secret holds the one type for values that must never be printed:
// tokens, client secrets, refresh tokens, private keys.
package secret

// Redacted is what every printer, logger and marshaller shows instead of a Text.
const Redacted = "REDACTED"

// Text is a secret text. Its zero value is the empty secret.
//
// The text lies behind a pointer in an unexported field: a formatter that may
// not call methods (package fmt does not, for unexported fields) can show an
// address, never the text. Reveal is the only way out, so every place that
// opens a secret can be found by that name.
type Text struct{ text *string }

// New makes a secret of s.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{&s}
}

// Reveal returns the secret itself. The caller answers for where it goes.
func (t Text) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// Len is the length in bytes.
func (t Text) Len() int { return len(t.Reveal()) }

// IsZero reports whether there is no secret at all.
func (t Text) IsZero() bool { return t.text == nil }

// Equal compares two secrets in a time that depends on their lengths only.
// An empty secret equals nothing, not even another empty one: an absent token
// must never count as "the refused one".
func (t Text) Equal(other Text) bool {
	a, b := t.Reveal(), other.Reveal()
	if len(a) == 0 || len(a) != len(b) {
		return false
	}
	var diff byte
	for i := range len(a) {
		diff |= a[i] ^ b[i]
	}
	return diff == 0
}

// String implements fmt.Stringer with the word REDACTED.
func (Text) String() string { return Redacted }

// GoString implements fmt.GoStringer, the %#v verb, with the word REDACTED.
func (Text) GoString() string { return Redacted }

// MarshalText implements encoding.TextMarshaler with the word REDACTED; JSON,
// XML, TOML and log/slog all come here.
func (Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
