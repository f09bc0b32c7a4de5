package door

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of connections. Those on which no guest has proved who it is are few and
// short, so that a flood of them harms only others of its kind.
const (
	mostUnknown   = 64
	unknownTime   = 10 * time.Second
	mostKnown     = 1024
	mostOfOne     = 256 // of one guest
	idleTime      = 90 * time.Second
	failedPenalty = 100 * time.Millisecond
)

// Peer is the other end of a connection, as the kernel knows it.
type Peer struct {
	Addr  net.Addr
	Local bool   // its address is one of this machine's
	UID   int    // its user; -1: the kernel of this system is not asked
	Inode uint32 // of its socket; 0 if unknown
	PID   int    // of a process at a Unix socket; 0 if unknown
	TLS   bool
}

// Listener accepts the connections of a door. It must not be copied.
type Listener struct {
	net.Listener
	// Check asks who the other end is. An error closes the connection before a byte of
	// it is read.
	Check func(net.Conn) (Peer, error)
	// TLS is nil for plain HTTP.
	TLS *tls.Config

	mu      sync.Mutex
	unknown []*conn // the oldest first
	known   map[string]int
	total   int
}

// conn is a connection. Its requests are checked by reader.
type conn struct {
	net.Conn
	reader
	under    net.Conn // Conn, or what is below its TLS
	peer     Peer
	listener *Listener
	timer    *time.Timer
	guest    string // the first one that proved who it is; "" until then
	last     string // the one of the last request
	once     sync.Once
}

func (c *conn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// CloseWrite ends what is sent, for net/http.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.end()
	return c.Conn.Close()
}

// cut closes the connection without a word: to end TLS would wait for a client that takes
// nothing.
func (c *conn) cut() {
	c.end()
	_ = c.under.Close()
}

// end makes the connection count no more.
func (c *conn) end() {
	c.once.Do(func() {
		c.listener.forget(c)
	})
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		under, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, err := l.Check(under)
		if err != nil {
			_ = under.Close()
			continue
		}
		c := &conn{Conn: under, under: under, peer: peer, listener: l}
		c.reader.from = under
		if l.TLS != nil {
			secured := tls.Server(under, l.TLS)
			c.Conn, c.reader.from, c.peer.TLS = secured, &tlsReader{Conn: secured}, true
		}
		l.remember(c)
		return c, nil
	}
}

// remember adds a connection that nobody knows yet, and closes the oldest one if there
// are too many.
func (l *Listener) remember(c *conn) {
	l.mu.Lock()
	l.unknown = append(l.unknown, c)
	var oldest *conn
	if len(l.unknown) > mostUnknown {
		oldest = l.unknown[0]
	}
	c.timer = time.AfterFunc(unknownTime, c.cut)
	l.mu.Unlock()
	if oldest != nil {
		oldest.cut()
	}
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.timer.Stop()
	l.drop(c)
	if c.guest != "" {
		l.total--
		if l.known[c.guest]--; l.known[c.guest] == 0 {
			delete(l.known, c.guest)
		}
	}
}

func (l *Listener) drop(c *conn) {
	for i, one := range l.unknown {
		if one == c {
			l.unknown = append(l.unknown[:i], l.unknown[i+1:]...)
			return
		}
	}
}

// claim makes the connection one of the guest's; first reports whether the request before
// was not this guest's. ok is false if there are too many.
func (c *conn) claim(guest string) (first, ok bool) {
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.guest != "": // another guest, behind a local proxy, does not count again
		first, c.last = c.last != guest, guest
		return first, true
	case l.total >= mostKnown, l.known[guest] >= mostOfOne, !c.timer.Stop(): // or it is being closed
		return false, false
	}
	l.drop(c)
	if l.known == nil {
		l.known = map[string]int{}
	}
	c.guest, c.last = guest, guest
	l.known[guest]++
	l.total++
	return true, true
}

// connKey is the context key of a request's connection.
type connKey struct{}

// PeerOf returns the other end of a request's connection; false without a Listener.
func PeerOf(ctx context.Context) (Peer, bool) {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok {
		return Peer{}, false
	}
	return c.peer, true
}

// NewServer returns a server for a handler behind a Listener: HTTP/1.1 only. A *Handler
// also answers some requests without the server: see direct.
func NewServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadHeaderTimeout: unknownTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headLimit,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if h, ok := handler.(*Handler); ok {
				own := c.(*conn)
				own.direct = &direct{handler: h, conn: own}
			}
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(c net.Conn, s http.ConnState) {
			if s == http.StateIdle {
				c.(*conn).open.Add(-1) // it was answered
			}
		},

		DisableGeneralOptionsHandler: true,
	}
}
