package oauth

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol/retryafter"
)

// bodyLimit is the maximum size of a response's body (A13).
const bodyLimit = 1 << 20

// skewWarning is the difference of the clocks from which on it is reported (A21).
const skewWarning = 5 * time.Minute

// answer is an HTTP response within the limits, not yet interpreted.
type answer struct {
	status     int
	media      string // lower-case media type without parameters; "" if there is none
	body       []byte
	fault      string    // why the body must not be read; may be empty
	broke      bool      // the connection ended within the body
	date       time.Time // of the server's clock; zero if it sent none
	skew       time.Duration
	retryAfter time.Duration
	target     string // of a redirect: scheme and host, or "the same host"; may be empty

	correlation string // the server's id of the request, from a header; may be empty
}

// read reads a response, within the limits of A3 and A13. A defect of the body is
// recorded but not yet an error: a 503 with a broken body is still a 503.
func (x *exchange) read(ctx context.Context, resp *http.Response) (answer, *Error) {
	now := x.client.now()
	a := answer{status: resp.StatusCode, retryAfter: retryafter.Of(resp.Header, now, longestRetryAfter)}
	a.date, a.skew = dateOfServer(resp.Header, now)
	a.media, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	a.target = x.client.foreign(targetOf(resp))
	body, packed := unpacked(resp)
	switch {
	case packed:
		a.fault = "a compressed answer, which was not asked for"
	case resp.ContentLength > bodyLimit:
		a.fault = tooLong
	default:
		a.body, a.fault, a.broke = readBody(body)
	}
	a.correlation = x.client.correlationOf(resp.Header, a.body)
	if a.fault != "" && errors.Is(ctx.Err(), context.Canceled) {
		return a, &Error{Kind: Unreachable, Status: a.status, Reason: "cancelled", cause: context.Canceled}
	}
	if a.fault != "" && ctx.Err() != nil {
		// Not repeated: the server is reachable, and its response is invalid (A9).
		return a, &Error{Kind: Unreachable, Status: a.status, Reason: "the answer did not end in time", Lost: x.once && a.status < 300, cause: ctx.Err()}
	}
	if a.broke && needsBody(a.status) {
		return a, &Error{Kind: Unreachable, Status: a.status, Reason: "the answer broke off in its middle", Lost: x.once && a.status < 300, again: x.mayAsk}
	}
	return a, nil
}

const tooLong = "an answer of more than 1 MiB"

// needsBody reports whether a status is inconclusive without its body: 2xx, and 400
// with its many reasons, one of which is "not yet" (RFC 8628 3.5).
func needsBody(status int) bool { return status < 300 || status == http.StatusBadRequest }

// readBody reads a body; broke reports that the network failed, not the server.
func readBody(r io.Reader) (body []byte, fault string, broke bool) {
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(r, bodyLimit+1))
	switch {
	case b.Len() > bodyLimit:
		return nil, tooLong, false
	case isPacking(err):
		return nil, "a compressed answer that cannot be unpacked", false
	case err != nil:
		var op *net.OpError
		return nil, "an answer that breaks off", lost(err) || errors.As(err, &op)
	}
	return b.Bytes(), "", false
}

// unpacked returns the body to read. gzip is decoded although it was not requested,
// because some proxies compress everything; reading stops at bodyLimit, so that a few
// bytes cannot expand to gigabytes. packed reports another encoding.
func unpacked(resp *http.Response) (body io.Reader, packed bool) {
	codings := 0
	for _, line := range resp.Header.Values("Content-Encoding") {
		switch coding := strings.ToLower(strings.TrimSpace(line)); coding {
		case "identity", "":
		case "gzip", "x-gzip":
			codings++
		default:
			return nil, true
		}
	}
	switch codings {
	case 0:
		return resp.Body, resp.Uncompressed
	case 1:
		return &gzipReader{from: resp.Body}, false
	}
	return nil, true
}

// gzipReader decodes gzip, whose header is read with the first byte.
type gzipReader struct {
	from io.Reader
	zip  *gzip.Reader
}

func (u *gzipReader) Read(b []byte) (int, error) {
	if u.zip == nil {
		zip, err := gzip.NewReader(u.from)
		if err != nil {
			return 0, err
		}
		u.zip = zip
	}
	return u.zip.Read(b)
}

// isPacking reports whether decompression caused the error.
func isPacking(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
}

// targetOf returns the target of a redirect as the server names it.
func targetOf(resp *http.Response) string {
	if resp.StatusCode < 300 || resp.StatusCode > 399 {
		return ""
	}
	to, err := resp.Location()
	if err != nil || to.Hostname() == "" || to.User != nil {
		return ""
	}
	from := resp.Request
	if from != nil && from.URL != nil && to.Scheme == from.URL.Scheme && to.Host == from.URL.Host {
		return "another path of the same host"
	}
	return to.Scheme + "://" + to.Host
}

// dateOfServer returns the server's Date, and its difference to our clock; both are
// zero if there is none that can be parsed (A21).
func dateOfServer(h http.Header, now time.Time) (date time.Time, skew time.Duration) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}, 0
	}
	return date, date.Sub(now).Round(time.Second)
}

// looksHTML reports whether a body is an HTML page, whatever its type. It is not a JSON
// object, which some PHP servers label as HTML.
func (a answer) looksHTML() bool {
	start := bytes.ToLower(bytes.TrimSpace(a.body[:min(len(a.body), 512)]))
	return a.media == "text/html" || bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}
