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

// bodyLimit is the most that an answer's body may have (A13).
const bodyLimit = 1 << 20

// skewWarning is from where on two clocks disagree enough to say so (A21).
const skewWarning = 5 * time.Minute

// answer is an HTTP answer that kept to the limits, not yet interpreted.
type answer struct {
	status     int
	media      string // lower-case media type without parameters; "" if there is none
	body       []byte
	fault      string    // why the body is not to be read; "" if it is
	broke      bool      // the connection ended in its middle
	date       time.Time // of the server's clock; zero if it sent none
	skew       time.Duration
	retryAfter time.Duration
	target     string // of a redirect: scheme and host, or "the same host"; "" if there is none

	correlation string // the server's id of the request, by its header; "" if it sent none
}

// read takes an answer in, within the limits of A3 and A13. What is wrong with a
// body is noted and not yet an error: a 503 with a broken body is still a 503.
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
		// Not asked again: the server is there, and its answer is a bad one (A9).
		return a, &Error{Kind: Unreachable, Status: a.status, Reason: "the answer did not end in time", Lost: x.once && a.status < 300, cause: ctx.Err()}
	}
	if a.broke && needsBody(a.status) {
		return a, &Error{Kind: Unreachable, Status: a.status, Reason: "the answer broke off in its middle", Lost: x.once && a.status < 300, again: x.mayAsk}
	}
	return a, nil
}

const tooLong = "an answer of more than 1 MiB"

// needsBody reports whether a status says nothing without its body: 2xx, and 400
// with its many reasons, one of which is "not yet" (RFC 8628 3.5). Any other counts
// as it stands.
func needsBody(status int) bool { return status < 300 || status == http.StatusBadRequest }

// readBody reports as broke what the network did, not the server.
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

// unpacked is a body to be read. gzip is undone although nobody asked for it: there
// are proxies that compress whatever passes, and what reads it stops at bodyLimit, so
// that a few bytes cannot stand for gigabytes (4.5 row 17). packed reports another
// coding.
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
		return &unzipping{from: resp.Body}, false
	}
	return nil, true
}

// unzipping reads gzip, whose head is looked at with the first byte that is wanted.
type unzipping struct {
	from io.Reader
	zip  *gzip.Reader
}

func (u *unzipping) Read(b []byte) (int, error) {
	if u.zip == nil {
		zip, err := gzip.NewReader(u.from)
		if err != nil {
			return 0, err
		}
		u.zip = zip
	}
	return u.zip.Read(b)
}

// isPacking reports whether it is the compression that cannot be read.
func isPacking(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
}

// targetOf is where a redirect points: the server's word for it.
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

// dateOfServer is the server's Date, and how far it lies from our clock; both zero if
// it sent none that can be read (A21).
func dateOfServer(h http.Header, now time.Time) (date time.Time, skew time.Duration) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}, 0
	}
	return date, date.Sub(now).Round(time.Second)
}

// looksHTML reports whether a body is a page for people, whatever its type says. The
// caller has seen that it is no JSON object, which some servers of PHP call HTML.
func (a answer) looksHTML() bool {
	start := bytes.ToLower(bytes.TrimSpace(a.body[:min(len(a.body), 512)]))
	return a.media == "text/html" || bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}
