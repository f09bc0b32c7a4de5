package curl

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol/secret"
)

// piece is the minimum length, in bytes, of a part of a secret that is redacted: curl
// breaks its lines anywhere, with HTTP/2 even within the token.
const piece = 12

// A Redactor passes curl's messages on, without secrets and without those parts of them
// that are long enough to be distinguished from other text, wherever curl breaks them.
type Redactor struct {
	to      func([]byte) error
	secrets []string
	parts   map[string]bool // the parts to look for
	lengths []int           // the different lengths of parts
	buffer  []byte          // received, but not yet decided
	covered int             // number of bytes of held that belong to a redacted part
}

// NewRedactor returns a redactor of secrets that writes with to.
func NewRedactor(to func([]byte) error, secrets ...string) *Redactor {
	r := &Redactor{to: to, parts: map[string]bool{}}
	lengths := map[int]bool{}
	for _, s := range secrets {
		if s == "" {
			continue
		}
		r.secrets = append(r.secrets, s)
		size := min(piece, len(s))
		for i := range len(s) - size + 1 {
			r.parts[s[i:i+size]] = true
		}
		if !lengths[size] {
			lengths[size], r.lengths = true, append(r.lengths, size)
		}
	}
	return r
}

// Write implements io.Writer.
func (r *Redactor) Write(p []byte) (int, error) {
	r.buffer = append(r.buffer, p...)
	return len(p), r.decide(len(r.buffer) - r.undecided())
}

// Flush writes the bytes that were held back.
func (r *Redactor) Flush() { _ = r.decide(len(r.buffer)) }

// undecided returns how many bytes at the end of buffer could be the beginning of a part.
func (r *Redactor) undecided() int {
	for n := min(piece-1, len(r.buffer)); n > 0; n-- {
		end := string(r.buffer[len(r.buffer)-n:])
		for _, s := range r.secrets {
			if strings.Contains(s, end) {
				return n
			}
		}
	}
	return 0
}

// decide writes the first n bytes of buffer, with each run of secret bytes replaced by
// one word.
func (r *Redactor) decide(n int) error {
	var out []byte
	i, covered := 0, r.covered
	for ; i < n; i++ {
		if size := r.partAt(i); size > 0 {
			if covered == 0 {
				out = append(out, secret.Redacted...)
			}
			covered = max(covered, size)
		}
		if covered > 0 {
			covered--
			continue
		}
		out = append(out, r.buffer[i])
	}
	r.buffer, r.covered = append([]byte(nil), r.buffer[i:]...), covered
	if len(out) == 0 {
		return nil
	}
	return r.to(out)
}

// partAt returns the length of the longest part that begins at i; 0 if there is none.
func (r *Redactor) partAt(i int) (longest int) {
	for _, size := range r.lengths {
		if i+size <= len(r.buffer) && size > longest && r.parts[string(r.buffer[i:i+size])] {
			longest = size
		}
	}
	return longest
}

// ProxySecrets returns the forms in which curl prints the password in a proxy's address
// (http_proxy and similar variables): in the address, in the Basic header, and by
// itself if it is long enough to be distinguished from other text. It returns nil if
// there is none.
func ProxySecrets(address string) []string {
	const shortest = 8
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	_, rest, _ := strings.Cut(address, "://")
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return nil
	}
	user, written, found := strings.Cut(rest[:at], ":")
	if !found || written == "" {
		return nil
	}
	forms := []string{":" + written + "@"}
	for _, password := range []string{written, unescaped(written)} {
		if len(password) >= shortest {
			forms = append(forms, password)
		}
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(unescaped(user)+":"+password)))
	}
	return forms
}

// unescaped decodes the percent signs of a user name or password as curl does.
func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}
