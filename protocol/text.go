package protocol

import (
	"errors"
	"strconv"
	"time"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// notOurs reports whether an error only says that no profile owns what the tool
// asked about.
func notOurs(err error) bool { return errors.Is(err, ErrNoProfile) }

// sentence is an error's text for a tool that shows it to people: one line of
// printable ASCII whatever the error holds (T23).
func sentence(err error) string { return printable.Line(err.Error()) }

// hintOf is what to type next; "" if nothing is known.
func hintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return printable.Line(e.Hint)
	}
	return ""
}

// textMember is the text of an object's member; "" if there is none, or it is
// something else, or holds control bytes.
func textMember(v strictjson.Value, key string) string {
	m, _ := v.Get(key)
	text, _ := m.Text()
	return text
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// appendRFC3339 writes Unix seconds as RFC 3339 in whole seconds, Z.
func appendRFC3339(b []byte, unix int64) []byte {
	return time.Unix(unix, 0).UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
}
