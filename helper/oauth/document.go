package oauth

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Document is the response of a server to a request that is not OAuth's, such as one for
// the secret itself.
type Document struct {
	Status int
	JSON   strictjson.Value // an object; the zero Value if the body is none
	Fault  string           // why the body was not read, such as that it is too long; ""
	Date   time.Time        // by the server's clock, in whole seconds; zero if it sent none
	After  time.Duration    // its Retry-After; 0 if it sent none
	Target string           // of a redirect, which is not followed: scheme and host, or "another path of the same host"

	asked *Client
}

// Foreign makes a text of the response presentable: one line, without the Secret of the
// client.
func (d Document) Foreign(text string) string { return d.asked.foreign(text) }

// Ask sends one request to an address that BadEndpoint accepts, and reads the response
// within the limits of every other: c's HTTP, Now and Timeout count, and its Secret is not
// shown if the server repeats it. A body is JSON.
// Errors are *Error, and mean that there is no response.
func (c *Client) Ask(ctx context.Context, method, address string, headers [][2]string, body []byte) (Document, error) {
	ctx, cancel := context.WithTimeout(ctx, or(c.Timeout, allTimeout))
	defer cancel()
	x := &exchange{client: c, base: c.transport(), sent: c.now()}
	r, err := http.NewRequestWithContext(x.watch(ctx), method, address, bytes.NewReader(body))
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
	resp, failure := x.send(r)
	if failure != nil {
		return Document{}, failure
	}
	defer resp.Body.Close()
	a, failure := x.read(ctx, resp)
	if failure != nil {
		return Document{}, failure
	}
	d := Document{Status: a.status, Fault: a.fault, Date: a.date, After: a.retryAfter, Target: a.target, asked: c}
	if value, err := strictjson.Parse(afterMark(a.body)); a.fault == "" && err == nil && value.Kind() == strictjson.Object {
		d.JSON = value
	}
	return d, nil
}
