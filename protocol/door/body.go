package door

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// bufferLimit is the size in bytes up to which a body is kept, so that the request can
// be sent again with another token. A longer one is passed on as it comes, once.
const bufferLimit = 1 << 20

// buffer reads such a body until ctx ends. Its guest decides how long that takes, and has to
// be admitted still.
func buffer(ctx context.Context, w http.ResponseWriter, r *http.Request, g *Guest) error {
	if r.ContentLength <= 0 || r.ContentLength > bufferLimit {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = http.NewResponseController(w).SetReadDeadline(time.Now()) })
	body, err := io.ReadAll(r.Body)
	switch {
	case !stop():
		return ctx.Err()
	case err != nil:
		return protocol.Malformed("the body did not come whole")
	case g.Lives != nil && !g.Lives(ctx):
		return ErrClaim
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	return nil
}

// notRepeated is the note on a response after which the request would have been sent
// again if its body had been kept; "" for others.
func (a *API) notRepeated(r *http.Request, status int) string {
	asks := status == http.StatusUnauthorized || status == http.StatusTooManyRequests || slices.Contains(a.refreshOn, status)
	if !asks || r.GetBody != nil || r.ContentLength == 0 {
		return ""
	}
	return "the API answered " + http.StatusText(status) + ", and the request was not sent again: its body, of more than 1 MiB or of unknown length, is not kept"
}

// A guest that is refused may still be sending. If the connection were closed at once, it
// would see that, and not the answer (RFC 9112 9.6).
const (
	lingerTime  = 500 * time.Millisecond
	lingerLimit = 256 << 10
)

// linger sends what was written, and reads on for a moment.
func (c *conn) linger(w http.ResponseWriter) {
	if http.NewResponseController(w).Flush() != nil || c.CloseWrite() != nil {
		return
	}
	_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.Conn, lingerLimit)
}
