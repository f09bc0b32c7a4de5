package oauth

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// progress is how far a request came. The hooks of the transport note it, by way
// of the request's context; it decides about another try (A9, A10) and about which
// machine a failure is blamed on.
type progress struct {
	connected atomic.Bool             // TCP: the server, or the proxy, is there
	proxy     atomic.Pointer[url.URL] // through which the server is asked; nil: none
	through   atomic.Bool             // the proxy has connected us to the server
	handshake atomic.Pointer[error]   // why there is no TLS with the server, or the proxy
	wanted    atomic.Bool             // the other side asked for a client certificate
	shown     atomic.Bool             // and got one
	written   atomic.Bool             // bytes of the request may have left
}

type progressKey struct{}

// progressOf is what notes the request that a context belongs to, nil if nobody
// wants to know.
func progressOf(ctx context.Context) *progress {
	if ctx == nil {
		return nil
	}
	p, _ := ctx.Value(progressKey{}).(*progress)
	return p
}

// watch makes the context of a request whose progress is noted.
func (p *progress) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(context.WithValue(ctx, progressKey{}, p), &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				p.connected.Store(true)
			}
		},
		TLSHandshakeStart: func() {
			if proxy := p.proxy.Load(); proxy != nil && proxy.Scheme != "https" {
				p.through.Store(true) // TLS begins with the server
			}
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				p.handshake.Store(&err)
			}
		},
		// The request is written from here on; a hook after the writing would miss
		// bytes that left before it broke.
		GotConn: func(httptrace.GotConnInfo) { p.written.Store(true) },
	})
}
