package connector

import (
	"errors"
	"fmt"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/wire"
	"github.com/credhelper/credhelper/protocol/printable"
)

// kinds maps the sentinels to their numbers on the wire. The more specific ones come
// first: they share an exit code with ErrNoProfile.
var kinds = [...]struct {
	kind     wire.Kind
	sentinel error
}{
	{wire.Kind_UNKNOWN_NAME, protocol.ErrUnknown},
	{wire.Kind_AMBIGUOUS, protocol.ErrAmbiguous},
	{wire.Kind_MALFORMED, protocol.ErrMalformed},
	{wire.Kind_NO_PROFILE, protocol.ErrNoProfile},
	{wire.Kind_NO_SECRET, protocol.ErrNoSecret},
	{wire.Kind_LOCKED, protocol.ErrLocked},
	{wire.Kind_LOGIN, protocol.ErrLogin},
	{wire.Kind_REFUSED, protocol.ErrRefused},
	{wire.Kind_UNREACHABLE, protocol.ErrUnreachable},
	{wire.Kind_POLICY, protocol.ErrPolicy},
	{wire.Kind_BUSY, protocol.ErrBusy},
	{wire.Kind_PROBE, protocol.ErrProbe},
	{wire.Kind_INACTIVE, protocol.ErrInactive},
}

// longestWait is the longest wait, in seconds, that the other end can ask for.
const longestWait = 24 * 60 * 60

// failure encodes an error for the wire; nil for nil.
func failure(err error) *wire.Failure {
	if err == nil {
		return nil
	}
	f := &wire.Failure{Text: printable.Line(err.Error())}
	for _, k := range kinds {
		if errors.Is(err, k.sentinel) {
			f.Kind = k.kind
			break
		}
	}
	if e := new(protocol.Error); errors.As(err, &e) {
		f.Hint, f.RetryAfter = printable.Line(e.Hint), e.RetryAfter
	}
	return f
}

// errorOf decodes a failure; nil for none. A kind that this release does not know has
// no sentinel and so is exit code 1.
func errorOf(f *wire.Failure) error {
	if f == nil {
		return nil
	}
	e := &protocol.Error{Text: printable.Line(f.Text), Hint: printable.Line(f.Hint), RetryAfter: min(max(f.RetryAfter, 0), longestWait)}
	for _, k := range kinds {
		if k.kind == f.Kind {
			e.Kind = k.sentinel
		}
	}
	if e.Kind == nil {
		return fmt.Errorf("credhelper: %s", e.Text)
	}
	if e.Text == "" {
		e.Text = e.Kind.Error()
	}
	return e
}
