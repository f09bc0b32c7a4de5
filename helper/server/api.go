package server

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
)

// API returns what sends the requests of a program to a profile's API: through the
// profile's proxy, with its CA and its client certificate, and like NewHTTPClient only
// HTTP/1.1. Unlike that it keeps connections, and has no time limit for a response.
func (ss *Servers) API(ctx context.Context, p *config.Profile) (http.RoundTripper, error) {
	client, err := ss.certified(ctx, p, tls.Certificate{})
	if err != nil {
		return nil, err
	}
	t, ok := client.Transport.(*http.Transport)
	if !ok {
		return nil, protocol.Policy("profile " + p.Name + ": its connections cannot be kept")
	}
	t.DisableKeepAlives = false
	t.MaxIdleConnsPerHost = 64
	t.IdleConnTimeout = 90 * time.Second
	return t, nil
}
