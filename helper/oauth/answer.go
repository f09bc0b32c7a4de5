package oauth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// bodyLimit is the most that an answer's body may have (A13).
const bodyLimit = 1 << 20

// skewWarning is from where on two clocks disagree enough to say so (A21).
const skewWarning = 5 * time.Minute

// answer is an HTTP answer that kept to the limits, not yet interpreted.
type answer struct {
	status     int
	media      string // lower-case media type without parameters; "" if there is none
	body       []byte
	fault      string // why the body is not to be read; "" if it is
	skew       time.Duration
	retryAfter time.Duration

	correlation string // the server's id of the request, by its header; "" if it sent none
}

// read takes an answer in, within the limits of A3 and A13. What is wrong with a
// body is noted and not yet an error: a 503 with a broken body is still a 503.
func (x *exchange) read(ctx context.Context, resp *http.Response) (answer, *Error) {
	now := x.client.now()
	a := answer{status: resp.StatusCode, skew: skew(resp.Header, now), retryAfter: retryAfter(resp.Header, now)}
	a.media, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case compressed(resp):
		a.fault = "a compressed answer, which was not asked for"
	case resp.ContentLength > bodyLimit:
		a.fault = tooLong
	default:
		a.body, a.fault = readBody(resp.Body)
	}
	a.correlation = x.client.correlationOf(resp.Header, a.body)
	if a.fault != "" && errors.Is(ctx.Err(), context.Canceled) {
		return a, &Error{Kind: Unreachable, Status: a.status, Reason: "cancelled", cause: context.Canceled}
	}
	if a.fault != "" && ctx.Err() != nil {
		// Not asked again: the server is there, and its answer is a bad one (A9).
		return a, &Error{Kind: Unreachable, Status: a.status, Reason: "the answer did not end in time", cause: ctx.Err()}
	}
	return a, nil
}

const tooLong = "an answer of more than 1 MiB"

func readBody(r io.Reader) (body []byte, fault string) {
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(r, bodyLimit+1))
	switch {
	case b.Len() > bodyLimit:
		return nil, tooLong
	case err != nil:
		return nil, "an answer that breaks off"
	}
	return b.Bytes(), ""
}

// compressed tells whether a body is in a coding. It is never undone: a few
// octets can stand for gigabytes (4.5 row 17).
func compressed(resp *http.Response) bool {
	for _, coding := range resp.Header.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return true
		}
	}
	return resp.Uncompressed
}

// skew is how far the server's Date lies from our clock, 0 if it sent none that
// can be read (A21).
func skew(h http.Header, now time.Time) time.Duration {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return date.Sub(now).Round(time.Second)
}

// looksHTML tells whether a body is a page for people, whatever its type says.
func (a answer) looksHTML() bool {
	start := bytes.ToLower(bytes.TrimSpace(a.body[:min(len(a.body), 512)]))
	return a.media == "text/html" || bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}
