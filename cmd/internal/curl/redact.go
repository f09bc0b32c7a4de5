package curl

import (
	"bytes"

	"github.com/credhelper/credhelper/protocol/secret"
)

// Redactor writes on what curl says and takes the token out of it, also where it
// comes in two pieces.
type Redactor struct {
	Token secret.Text
	To    func([]byte) error
	held  []byte
}

// Write implements io.Writer.
func (r *Redactor) Write(p []byte) (int, error) {
	token := []byte(r.Token.Reveal())
	r.held = bytes.ReplaceAll(append(r.held, p...), token, []byte(secret.Redacted))
	keep := 0 // octets at the end that the token could begin with
	for n := min(len(token)-1, len(r.held)); n > 0; n-- {
		if bytes.HasSuffix(r.held, token[:n]) {
			keep = n
			break
		}
	}
	out := r.held[:len(r.held)-keep]
	r.held = append([]byte(nil), r.held[len(r.held)-keep:]...)
	if len(out) == 0 {
		return len(p), nil
	}
	return len(p), r.To(out)
}

// Flush writes what was held back and is no token after all.
func (r *Redactor) Flush() {
	if len(r.held) > 0 {
		_ = r.To(r.held)
		r.held = nil
	}
}
