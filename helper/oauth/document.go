package oauth

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Document is the response of a server to a request that is not OAuth's, such as one for
// the secret itself.
type Document struct {
	Status int
	JSON   strictjson.Value // an object; the zero Value if the body is none
	Target string           // of a redirect, which is not followed: scheme and host, or "another path of the same host"
}

// Ask sends one request to an address that BadEndpoint accepts, and reads the response
// within the limits of every other: c's HTTP, Now and Timeout count. A body is JSON.
// Errors are *Error, and mean that there is no response.
func (c *Client) Ask(ctx context.Context, method, address string, headers [][2]string, body []byte) (Document, error) {
	ctx, cancel := context.WithTimeout(ctx, or(c.Timeout, allTimeout))
	defer cancel()
	x := &exchange{client: c, base: c.transport(), sent: c.now()}
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(x.watch(ctx), method, address, content)
	if err != nil {
		return Document{}, asError(err)
	}
	c.setHeaders(r)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		r.Header.Set(h[0], h[1])
	}
	resp, err := x.base.RoundTrip(r)
	if err != nil {
		return Document{}, x.unanswered(ctx, err)
	}
	defer resp.Body.Close()
	a, failure := x.read(ctx, resp)
	if failure != nil {
		return Document{}, failure
	}
	d := Document{Status: a.status, Target: a.target}
	if value, err := strictjson.Parse(afterMark(a.body)); a.fault == "" && err == nil && value.Kind() == strictjson.Object {
		d.JSON = value
	}
	return d, nil
}
