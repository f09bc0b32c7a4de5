package oauth

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// progress records how far a request came, through the transport's hooks and the
// request's context. It decides whether to repeat a request (A9, A10) and which machine
// a failure is attributed to.
type progress struct {
	connected atomic.Bool             // TCP: the server, or the proxy, is reachable
	proxy     atomic.Pointer[url.URL] // the proxy in use; nil: none
	through   atomic.Bool             // the proxy has connected us to the server
	password  atomic.Bool             // the SOCKS proxy wants a password, or refuses the one it got
	handshake atomic.Pointer[error]   // why there is no TLS with the server, or the proxy
	wanted    atomic.Bool             // the other side asked for a client certificate
	shown     atomic.Bool             // and got one
	written   atomic.Bool             // bytes of the request may have been sent
	answered  atomic.Bool             // a byte of the response came
}

type progressKey struct{}

// progressOf returns the progress of a context's request; nil if it is not recorded.
func progressOf(ctx context.Context) *progress {
	if ctx == nil {
		return nil
	}
	p, _ := ctx.Value(progressKey{}).(*progress)
	return p
}

// watch returns a context that records the progress of its request.
func (p *progress) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(context.WithValue(ctx, progressKey{}, p), &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				p.connected.Store(true)
			}
		},
		TLSHandshakeStart: func() {
			if proxy := p.proxy.Load(); proxy != nil && proxy.Scheme != "https" {
				p.through.Store(true) // TLS with the server begins
			}
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				p.handshake.Store(&err)
			}
		},
		// The request is written from here on; a hook after writing would miss bytes
		// sent before a failure.
		GotConn:              func(httptrace.GotConnInfo) { p.written.Store(true) },
		GotFirstResponseByte: func() { p.answered.Store(true) },
	})
}
