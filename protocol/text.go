package protocol

import (
	"errors"
	"strconv"
	"time"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// notOurs reports whether an error only means that no profile owns what the tool asked
// about.
func notOurs(err error) bool { return errors.Is(err, ErrNoProfile) }

// sentence returns an error's text for a tool that shows it to people: one line of
// printable ASCII whatever the error contains (T23).
func sentence(err error) string { return printable.Line(err.Error()) }

// hintOf returns what to type next; "" if nothing is known.
func hintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return printable.Line(e.Hint)
	}
	return ""
}

// textMember returns the string of an object's member; "" if it is missing, of another
// type, or contains control characters.
func textMember(v strictjson.Value, key string) string {
	text, _ := v.At(key).Text()
	return text
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// appendRFC3339 appends Unix seconds as RFC 3339 in whole seconds, with Z.
func appendRFC3339(b []byte, unix int64) []byte {
	return time.Unix(unix, 0).UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
}
