package door

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// net/http accepts some requests that two servers may read differently: Content-Length
// beside Transfer-Encoding, a folded line, a bare LF. A door must not pass on what the
// API may take for two requests (RFC 9112 11.2), so each head is checked as it came,
// before net/http sees it, and is refused unless there is only one way to read it.

const (
	headLimit   = 32 << 10 // bytes of a request line and its fields
	fieldsLimit = 100
)

var (
	errHead    = errors.New("the request's head has more than one reading")
	errTooLong = errors.New("the request's head is too long")
)

// framing says what follows a head.
type framing struct {
	length  int64 // bytes of the body
	chunked bool
}

// endOfHead returns the length of the head with its empty line; 0 if more has to be
// read. It fails as soon as a line does not end with CR LF, so that nobody waits for the
// end of a head that has none. The first bytes, seen, were scanned before.
func endOfHead(b []byte, seen int) (int, error) {
	for i := seen; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\r' && i+1 < len(b) && b[i+1] != '\n', c == '\n' && (i == 0 || b[i-1] != '\r'), c == 0:
			return 0, errHead
		case c == '\n' && i >= 3 && b[i-2] == '\n':
			return i + 1, nil
		case i >= headLimit:
			return 0, errTooLong
		}
	}
	return 0, nil
}

// once are fields that may come once only: two of them are two readings.
var once = [...]string{"host", "content-length", "transfer-encoding", "authorization", "proxy-authorization", "content-type",
	"expect", "upgrade", "x-identity-header", "secret"}

// checkHead checks a whole head, which ends with its empty line. It is called for each
// request, so it allocates nothing.
func checkHead(head string) (f framing, err error) {
	line, rest, _ := strings.Cut(head[:len(head)-2], "\r\n")
	if !requestLine(line) {
		return f, errHead
	}
	var seen [len(once)]bool
	for fields := 1; rest != ""; fields++ {
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok || !fieldName(name) || !fieldValue(value) || fields > fieldsLimit {
			return f, errHead // a folded line begins with a space
		}
		if strings.EqualFold(name, "trailer") { // its fields would come after ours
			return f, errHead
		}
		value = strings.Trim(value, " ") // a tab beside a length or a coding is refused, as by nginx
		for i, single := range once {
			is, exact := isField(name, single)
			if !is {
				continue
			}
			if seen[i] || !exact {
				return f, errHead
			}
			seen[i] = true
			if err := f.take(single, value); err != nil {
				return f, err
			}
		}
	}
	if !seen[0] || seen[1] && seen[2] {
		return f, errHead
	}
	return f, nil
}

// isField reports whether a name is that of a field, which is in lower case; it is not
// exact if it has "_" for "-", as CGI reads it.
func isField(name, field string) (is, exact bool) {
	if len(name) != len(field) {
		return false, false
	}
	exact = true
	for i := range len(name) {
		c := name[i] | 0x20 // a letter in lower case; digits and "-" have this bit
		if name[i] == '_' {
			c, exact = '-', false
		}
		if c != field[i] {
			return false, false
		}
	}
	return true, exact
}

// take reads a field that says what follows the head.
func (f *framing) take(name, value string) error {
	switch name {
	case "content-length":
		if len(value) == 0 || len(value) > 18 || strings.Trim(value, "0123456789") != "" {
			return errHead
		}
		f.length, _ = strconv.ParseInt(value, 10, 64)
	case "transfer-encoding":
		if !strings.EqualFold(value, "chunked") {
			return errHead
		}
		f.chunked = true
	case "expect":
		if !strings.EqualFold(value, "100-continue") {
			return errHead
		}
	case "host":
		if value == "" {
			return errHead
		}
	}
	return nil
}

// requestLine checks METHOD SP TARGET SP HTTP/1.1.
func requestLine(line string) bool {
	method, rest, ok := strings.Cut(line, " ")
	target, version, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" || method == "" || target == "" || version != "HTTP/1.1" {
		return false
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>\\^`{|}", c) >= 0 {
			return false // not in a URI (RFC 3986)
		}
	}
	return true
}

// fieldName reports whether s is a field's name of letters, digits, '-' and '_'. A token
// may have other characters, but some servers take them for nothing, and nginx drops
// such a field.
func fieldName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != ""
}

func fieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// chunkLimit is the longest line of a chunk's size.
const chunkLimit = 18

// chunkSize reads a chunk's size line from the start of b. n is its length, 0 if more
// has to be read. A chunk has no extension: no client sends one, and servers read them
// differently.
func chunkSize(b []byte) (size int64, n int, err error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 && len(b) <= chunkLimit {
		return 0, 0, nil
	}
	if end < 2 || end > chunkLimit || b[end-1] != '\r' {
		return 0, 0, errHead
	}
	text := string(b[:end-1])
	if len(text) > 15 || strings.Trim(text, "0123456789abcdefABCDEF") != "" {
		return 0, 0, errHead
	}
	size, err = strconv.ParseInt(text, 16, 64)
	if err != nil {
		return 0, 0, errHead
	}
	return size, end + 1, nil
}
