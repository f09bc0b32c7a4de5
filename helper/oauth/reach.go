package oauth

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Reach sends HEAD / to the token endpoint's host, without credentials, and returns the
// server's clock less ours, 0 if unknown. Any response shows that name, network, proxy
// and certificates are in order. The error is an *Error.
func (c *Client) Reach(ctx context.Context) (time.Duration, error) {
	u, err := url.Parse(c.TokenURL)
	if err != nil {
		return 0, policy("the token endpoint is not a URL")
	}
	x := &exchange{client: c, base: c.transport(), sent: c.now()}
	ctx = x.watch(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		return 0, policy("the token endpoint is not a URL")
	}
	r.Header.Set("User-Agent", userAgent)
	resp, failure := x.send(r)
	if failure != nil {
		return 0, failure
	}
	resp.Body.Close()
	_, skew := dateOfServer(resp.Header, c.now())
	return skew, nil
}
