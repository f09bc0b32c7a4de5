package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Asker sends a request to the store of a pool that speaks HTTP, with its login. path is
// that below the API's. Errors are *pool.Error.
type Asker func(ctx context.Context, method, path string, headers [][2]string, body []byte) (oauth.Document, error)

// storeTrouble returns the error for a response that does not answer the request, such as
// one of an overloaded server; nil for any other.
func storeTrouble(d oauth.Document) error {
	switch {
	case kindOf(d.Status) != pool.Wrong:
		e := &pool.Error{Kind: kindOf(d.Status), Text: "it answers " + strconv.Itoa(d.Status), Hint: "is it overloaded? see its log", After: d.After}
		if d.After > 0 {
			e.Text += " and asks to wait " + failure.Span(d.After)
		}
		return e
	case d.Fault != "":
		return &pool.Error{Kind: pool.Wrong, Text: "its answer cannot be read: " + d.Fault}
	case d.Date.IsZero():
		return &pool.Error{Kind: pool.Wrong, Text: "its answer has no Date, and a pool counts by its store's clock", Hint: "does a proxy in front of it remove the header?"}
	}
	return nil
}

// kindOf returns what a status other than 2xx means for a pool.
func kindOf(status int) pool.Kind {
	switch {
	case status == http.StatusServiceUnavailable: // sealed
		return pool.Down
	case status == http.StatusTooManyRequests, status >= 500:
		return pool.Silent
	}
	return pool.Wrong
}

// storeError says what it means for a pool that its store could not be asked.
func storeError(err error) *pool.Error {
	e := &pool.Error{Kind: pool.Wrong, Text: printable.Line(err.Error())}
	silent, ours, login := new(oauth.Error), new(protocol.Error), new(noLogin)
	if errors.As(err, &ours) {
		e.Hint, e.After = ours.Hint, time.Duration(ours.RetryAfter)*time.Second
	}
	switch {
	case errors.As(err, &login):
		e.Kind = login.means
	case !errors.As(err, &silent):
	case silent.Kind == oauth.Untrusted:
		e.Hint = "ca_file in config.toml names the authority to trust"
	case silent.Down:
		e.Kind, e.Hint = pool.Down, "is it up, and its address in config.toml right?"
	case silent.Kind == oauth.Unreachable:
		e.Kind, e.Hint = pool.Silent, "is it up, and can this host reach it?"
	}
	return e
}

// noLogin is a login that failed, and what that means for a pool whose store asks for it.
type noLogin struct {
	*reason
	means pool.Kind
}

// reason is protocol.Error under a name for embedding: a field named Error would hide the
// method.
type reason = protocol.Error

func (e *noLogin) Unwrap() error { return e.reason }
