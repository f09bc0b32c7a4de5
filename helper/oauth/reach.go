package oauth

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Reach asks the token endpoint's host for "/" by HEAD, without credentials, and
// returns the server's clock less ours, 0 if it did not say. Any answer will do: it
// shows that name, network, proxy and certificates are in order. The error is an
// *Error of what stood in the way.
func (c *Client) Reach(ctx context.Context) (time.Duration, error) {
	u, err := url.Parse(c.TokenURL)
	if err != nil {
		return 0, policy("the token endpoint is no URL")
	}
	x := &exchange{client: c, base: c.transport(), sent: c.now()}
	ctx = x.watch(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		return 0, policy("the token endpoint is no URL")
	}
	r.Header.Set("User-Agent", userAgent)
	resp, err := x.base.RoundTrip(r)
	if err != nil {
		return 0, x.unanswered(ctx, err)
	}
	resp.Body.Close()
	_, skew := dateOfServer(resp.Header, c.now())
	return skew, nil
}
