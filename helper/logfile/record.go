package logfile

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/credhelper/credhelper/protocol/printable"
)

// Hit is the event of a token from the cache, whose source is FromCache.
const (
	Hit       = "hit"
	FromCache = "cache"
)

// Caller is the calling program, as the process finds it, for the log only: a program
// can choose its own name.
type Caller struct {
	Dialect    string `json:"-"`                    // the name of the dialect or command
	PID        int    `json:"pid,omitempty"`        // 0 if unknown
	Executable string `json:"executable,omitempty"` // its path without arguments (T6); "" if unknown
}

// Record is one line of the log: JSON, no secret, no path or query of a URL.
type Record struct {
	Time        time.Time `json:"time"`  // UTC, whole seconds
	Event       string    `json:"event"` // fetch, hit, refused, failed, reject, login, secret stored ...
	Profile     string    `json:"profile,omitempty"`
	Guest       string    `json:"guest,omitempty"` // of the door
	URI         string    `json:"uri,omitempty"`   // scheme and host of the requested URL
	Dialect     string    `json:"dialect,omitempty"`
	Caller      Caller    `json:"caller,omitzero"`
	Source      string    `json:"source,omitempty"`            // of a request: cache, pool, network, refused
	Pool        string    `json:"pool,omitempty"`              // of hosts that share the token
	Number      int64     `json:"number,omitempty"`            // of the token in its pool
	Host        string    `json:"by,omitempty"`                // the host that fetched it
	Expires     int64     `json:"expires,omitempty"`           // Unix seconds
	Token       string    `json:"token,omitempty"`             // keyed fingerprint: only distinguishes tokens
	Issued      string    `json:"issued_token_type,omitempty"` // RFC 8693 2.2.1; from the server
	Correlation string    `json:"correlation,omitempty"`       // the authorization server's id of its request
	Tries       int       `json:"tries,omitempty"`             // number of requests
	Exit        int       `json:"exit,omitempty"`              // exit code of the failure
	Text        string    `json:"text,omitempty"`
}

// By sets by whom and when the record was made.
func (r Record) By(by Caller, now time.Time) Record {
	r.Time, r.Dialect, r.Caller = now.UTC().Truncate(time.Second), by.Dialect, by
	r.Caller.Dialect, r.Caller.Executable = "", cut(by.Executable)
	return r
}

// cut shortens a path for the log to its last 256 bytes, in printable ASCII. Unlike in
// errors, a newline in it does not separate lines.
func cut(path string) string {
	const longest = 256
	return printable.Line(strings.ReplaceAll(path[max(0, len(path)-longest):], "\n", "?"))
}

// Begin is how each line begins, and what no text in it contains.
const Begin = `{"time":"`

// appendJSON appends the line that encoding/json would make of the record, which the
// front does not link.
func (r Record) appendJSON(b []byte) []byte {
	b = append(b, Begin...)
	b = r.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","event":`...)
	b = appendString(b, r.Event)
	b = appendText(b, "profile", r.Profile)
	b = appendText(b, "guest", r.Guest)
	b = appendText(b, "uri", r.URI)
	b = appendText(b, "dialect", r.Dialect)
	if r.Caller != (Caller{}) {
		b = append(b, `,"caller":{`...)
		start := len(b)
		b = appendNumber(b, "pid", int64(r.Caller.PID))
		b = appendText(b, "executable", r.Caller.Executable)
		if len(b) > start { // its first member follows no other one
			b = append(b[:start], b[start+1:]...)
		}
		b = append(b, '}')
	}
	b = appendText(b, "source", r.Source)
	b = appendText(b, "pool", r.Pool)
	b = appendNumber(b, "number", r.Number)
	b = appendText(b, "by", r.Host)
	b = appendNumber(b, "expires", r.Expires)
	b = appendText(b, "token", r.Token)
	b = appendText(b, "issued_token_type", r.Issued)
	b = appendText(b, "correlation", r.Correlation)
	b = appendNumber(b, "tries", int64(r.Tries))
	b = appendNumber(b, "exit", int64(r.Exit))
	b = appendText(b, "text", r.Text)
	return append(b, '}', '\n')
}

func appendName(b []byte, name string) []byte {
	return append(append(append(b, ',', '"'), name...), '"', ':')
}

func appendNumber(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(appendName(b, name), n, 10)
}

func appendText(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(appendName(b, name), s)
}

// appendString appends a JSON string, escaped as by encoding/json: <, > and & too, and
// what some readers take for the end of a line.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i, c := range s {
		broken := c == utf8.RuneError && s[i] != "\ufffd"[0]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < 0x20 || c == '<' || c == '>' || c == '&' || c == '\u2028' || c == '\u2029' || broken:
			b = appendEscape(b, c)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}

func appendEscape(b []byte, c rune) []byte {
	if i := strings.IndexRune("\b\t\n\f\r", c); i >= 0 {
		return append(b, '\\', "btnfr"[i])
	}
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[c>>12&15], digits[c>>8&15], digits[c>>4&15], digits[c&15])
}
