// Package lines answers a long-running program of any language over its child's
// stdin and stdout: one JSON request a line, one JSON reply a line, matched by the
// caller's id (docs/dialects/lines.md).
//
//	< {"id":1,"uri":"https://api.example.com/items"}
//	> {"id":1,"headers":{"Authorization":["Bearer ..."]},"expires":"2030-01-02T03:04:05Z",...}
//	< {"id":2,"verb":"reject","profile":"work","refused":"..."}
//	> {"id":2,"ok":true}
//	< {"id":3,"profile":"nobody"}
//	> {"id":3,"error":{"code":3,"kind":"unknown_name","message":"..."}}
//
// Requests and replies are the native ones (package protocol) with these members
// more:
//
//	id       a string of at most 256 bytes or a 64-bit integer, which the reply repeats
//	         unchanged. A caller with several requests in flight needs it: a slow
//	         reply does not delay the others.
//	verb     "get", the default, or "reject": the token in "refused" is dropped, if
//	         it is the current one
//	refresh  true: fetch even if the cached token is valid
//	timeout  time limit for the answer in seconds, 1 to 8; 8 by default
//
// Decode and the Append functions are pure; Serve reads and writes.
package lines

import (
	"errors"
	"strconv"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

const (
	// MaxLine is the maximum length of a request in bytes, without its line break (R1).
	MaxLine = 64 << 10
	// maxID limits the part of a request that is kept and echoed.
	maxID = 256
	// maxTimeout is the longest time limit of an answer, in seconds.
	maxTimeout = 8
)

// Decode decodes one request. The id is the part of line as written, nil if it cannot
// be read; it is also returned with an error, so that the caller learns which request
// failed. The errors wrap protocol.ErrMalformed or protocol.ErrPolicy and contain no
// part of the line.
func Decode(line []byte) (id []byte, r protocol.Request, err error) {
	doc, err := strictjson.Parse(line)
	if err != nil {
		return nil, r, protocol.Malformed("request: " + err.Error())
	}
	if id, err = readID(doc); err != nil {
		return nil, r, err
	}
	if err = readMembers(&r, doc); err == nil {
		err = protocol.ReadNative(&r, doc)
	}
	if err == nil && r.Verb == protocol.Forget && r.Refused.IsZero() {
		// Without it a token that another process has just fetched would be dropped.
		err = protocol.Malformed("request: reject wants the token in refused")
	}
	return id, r, err
}

// readID returns the id as written: a caller that wrote 1 gets 1, and one that wrote
// "1" gets "1", with any escapes.
func readID(doc strictjson.Value) ([]byte, error) {
	v, ok := doc.Get("id")
	if !ok {
		return nil, protocol.Malformed("request: no id")
	}
	raw := v.Raw()
	switch v.Kind() {
	case strictjson.String:
		if len(raw) <= maxID+2 { // including its quotes
			return raw, nil
		}
	case strictjson.Number:
		if _, err := v.Int(); err == nil {
			return raw, nil
		}
	}
	return nil, protocol.Malformed("request: the id is neither a text of at most 256 bytes nor a whole number of 64 bits")
}

// readMembers decodes the members that a native request does not have.
func readMembers(r *protocol.Request, doc strictjson.Value) error {
	r.Verb = protocol.Get
	if v, ok := doc.Get("verb"); ok {
		switch word, err := v.Text(); {
		case err == nil && word == "get":
		case err == nil && word == "reject":
			r.Verb = protocol.Forget
		default:
			return protocol.Malformed("request: the verb is neither get nor reject")
		}
	}
	if v, ok := doc.Get("refresh"); ok {
		b, err := v.Bool()
		if err != nil {
			return protocol.Malformed("request: refresh is neither true nor false")
		}
		r.Refresh = b
	}
	if v, ok := doc.Get("timeout"); ok {
		n, err := v.Int()
		if err != nil || n < 1 || n > maxTimeout {
			return protocol.Malformed("request: timeout is not 1 to 8 seconds")
		}
		r.Timeout = n
	}
	return nil
}

// AppendReply appends the line that answers the request id with a credential. For a
// credential that no tool may get it returns b unchanged and an error (A16).
func AppendReply(b, id []byte, c protocol.Credential) ([]byte, error) {
	start := len(b)
	b, err := protocol.AppendNative(append(appendID(b, id), ','), c)
	if err != nil {
		return b[:start], err
	}
	return append(b, "}\n"...), nil
}

// AppendDone appends the line that answers a reject.
func AppendDone(b, id []byte) []byte {
	return append(appendID(b, id), ",\"ok\":true}\n"...)
}

// AppendError appends the line for a failure: the exit code of the same failure in
// other commands, its kind as one word, a message of one line of printable ASCII
// whatever the error contains (T23), and the seconds after which to ask again, if
// known.
func AppendError(b, id []byte, err error) []byte {
	b = append(appendID(b, id), `,"error":{"code":`...)
	b = strconv.AppendInt(b, int64(protocol.ExitCode(err)), 10)
	b = strictjson.AppendString(append(b, `,"kind":`...), kindOf(err))
	b = strictjson.AppendString(append(b, `,"message":`...), printable.Line(err.Error()))
	var e *protocol.Error
	if errors.As(err, &e) {
		if e.Hint != "" {
			b = strictjson.AppendString(append(b, `,"hint":`...), printable.Line(e.Hint))
		}
		if e.RetryAfter > 0 {
			b = strconv.AppendInt(append(b, `,"retry_after":`...), e.RetryAfter, 10)
		}
	}
	return append(b, "}}\n"...)
}

// appendID begins a reply; nil is the id of a request whose id could not be read.
func appendID(b, id []byte) []byte {
	b = append(b, `{"id":`...)
	if id == nil {
		return append(b, "null"...)
	}
	return append(b, id...)
}

// kindOf returns the failure's kind as one word. The more specific ones come first:
// they share an exit code with ErrNoProfile.
func kindOf(err error) string {
	for _, k := range [...]struct {
		sentinel error
		word     string
	}{
		{protocol.ErrUnknown, "unknown_name"},
		{protocol.ErrAmbiguous, "ambiguous"},
		{protocol.ErrMalformed, "malformed"},
		{protocol.ErrNoProfile, "no_profile"},
		{protocol.ErrNoSecret, "no_secret"},
		{protocol.ErrLocked, "locked"},
		{protocol.ErrLogin, "login"},
		{protocol.ErrRefused, "refused"},
		{protocol.ErrUnreachable, "unreachable"},
		{protocol.ErrPolicy, "policy"},
		{protocol.ErrBusy, "busy"},
	} {
		if errors.Is(err, k.sentinel) {
			return k.word
		}
	}
	return "unclassified"
}
