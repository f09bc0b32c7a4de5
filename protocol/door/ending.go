package door

import (
	"context"
	"net/http"
	"sync"
)

// activeRequests counts the requests that direct is answering, which the server does not
// know.
type activeRequests struct {
	mu    sync.Mutex
	n     int
	ended chan struct{} // nil until the door ends; closed when n is 0 then
}

// begin reports whether direct may answer one more; done is to be called after it.
func (u *activeRequests) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended != nil {
		return false
	}
	u.n++
	return true
}

func (u *activeRequests) done() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n--; u.n == 0 && u.ended != nil {
		close(u.ended)
	}
}

// end makes begin return false from now on, and returns a channel that is closed when all
// requests are done. It is called once.
func (u *activeRequests) end() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = make(chan struct{})
	if u.n == 0 {
		close(u.ended)
	}
	return u.ended
}

// Shutdown shuts a server from NewServer down. http.Server.Shutdown alone would close the
// connections of requests that direct is answering, so it waits for these first; the server
// answers all that come meanwhile.
func Shutdown(ctx context.Context, server *http.Server) error {
	if h, ok := server.Handler.(*Handler); ok {
		select {
		case <-h.direct.end():
		case <-ctx.Done():
		}
	}
	return server.Shutdown(ctx)
}
