package door

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// watchEvery is how often a running request is checked: a revoked guest's streams end
// within twice of it.
const watchEvery = 400 * time.Millisecond

// watch ends a running request once its guest is no longer admitted.
func watch(ctx context.Context, cancel context.CancelFunc, g *Guest) (stop func()) {
	if g.Lives == nil {
		return func() {}
	}
	var mu sync.Mutex
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(watchEvery, func() {
		if !g.Lives(ctx) {
			cancel()
		}
		if mu.Lock(); ctx.Err() == nil {
			timer.Reset(watchEvery)
		}
		mu.Unlock()
	})
	return func() { timer.Stop() }
}

// upgradeWriter tells the connection that no requests follow an upgrade.
type upgradeWriter struct {
	http.ResponseWriter
	conn *conn
}

func upgrading(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	own, ok := r.Context().Value(connKey{}).(*conn)
	if !ok || r.Header.Get("Upgrade") == "" {
		return w
	}
	return upgradeWriter{w, own}
}

// Unwrap is for http.ResponseController.
func (u upgradeWriter) Unwrap() http.ResponseWriter { return u.ResponseWriter }

var _ http.Hijacker = upgradeWriter{}

// Hijack implements http.Hijacker.
func (u upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	u.conn.raw.Store(true)
	return http.NewResponseController(u.ResponseWriter).Hijack()
}

// pool keeps the buffers of httputil.ReverseProxy.
type pool struct{ sync.Pool }

var buffers pool

// Get and Put implement httputil.BufferPool.
func (p *pool) Get() []byte {
	if b, ok := p.Pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (p *pool) Put(b []byte) { p.Pool.Put(&b) }
