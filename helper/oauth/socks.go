package oauth

import (
	"context"
	"net"
	"strings"
)

type dial = func(ctx context.Context, network, address string) (net.Conn, error)

// heard dials, and reads along what a SOCKS proxy answers first: net/http makes a text
// of it, and a wrong password must not be sent twice (A12).
func heard(d dial) dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d(ctx, network, address)
		if p := progressOf(ctx); err == nil && p != nil {
			if proxy := p.proxy.Load(); proxy != nil && strings.HasPrefix(proxy.Scheme, "socks5") {
				conn = &socksConn{Conn: conn, progress: p}
			}
		}
		return conn, err
	}
}

// socksConn is a connection to a SOCKS proxy, read by one goroutine until the proxy
// has connected us.
type socksConn struct {
	net.Conn
	*progress
	head []byte // the first four bytes: the method (RFC 1928 3), the password's reply (RFC 1929 2)
}

func (c *socksConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if len(c.head) < 4 {
		c.head = append(c.head, b[:min(n, 4-len(c.head))]...)
		c.password.Store(refusesPassword(c.head))
	}
	return n, err
}

// refusesPassword reports whether a proxy takes none of the methods that we offer,
// because it wants a password, or not the password that it got.
func refusesPassword(head []byte) bool {
	const withPassword, none = 2, 0xff
	switch {
	case len(head) < 2:
		return false
	case head[1] == withPassword:
		return len(head) == 4 && head[3] != 0
	}
	return head[1] == none
}
