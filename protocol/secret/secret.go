// Package secret holds the type for values that must never be printed: tokens, client
// secrets, refresh tokens, private keys.
package secret

// Redacted is what printers, loggers and marshallers show instead of a Text.
const Redacted = "REDACTED"

// Text is a secret. Its zero value is the empty secret.
//
// The value is behind a pointer in an unexported field: a formatter that cannot call
// methods (package fmt cannot, for unexported fields) shows an address, never the
// value. Reveal is the only access, so every place that opens a secret can be found by
// that name.
type Text struct{ text *string }

// New returns a secret with the value s.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{&s}
}

// Reveal returns the value. The caller is responsible for where it goes.
func (t Text) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// Len returns the length in bytes.
func (t Text) Len() int { return len(t.Reveal()) }

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t.text == nil }

// Equal compares two secrets in a time that depends only on their lengths. An empty
// secret equals nothing, not even another empty one: an absent token must never count
// as the refused one.
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

// String implements fmt.Stringer; it returns REDACTED.
func (Text) String() string { return Redacted }

// GoString implements fmt.GoStringer for the %#v verb; it returns REDACTED.
func (Text) GoString() string { return Redacted }

// MarshalText implements encoding.TextMarshaler, which JSON, XML, TOML and log/slog
// use; it returns REDACTED.
func (Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
