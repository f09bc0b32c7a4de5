package bearer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Transport is an http.RoundTripper that sends each request with the token for its own
// URL, or not at all. It is safe for concurrent use and must not be copied.
//
//   - The answerer decides for each request, by scheme, host, port and path. A
//     request to an address that no profile owns is an error.
//   - A redirect to an address that the same profile does not own is followed
//     without the token, and so are all later redirects, and those from https to http.
//   - After 401, or a status of Credential.RefreshOn, the token is reported as
//     refused, and if there is another one the request is sent once more.
//   - After 429, and after 503 with Retry-After, this and all other requests to that
//     server wait, at most MaxWait.
//   - Only repeatable requests are sent again: those without a body or with GetBody,
//     which http.NewRequest sets for the usual readers.
//
// The caller's request is not changed, and the response's Request has no token. Errors
// other than the base's wrap a sentinel of package protocol; errors.Is finds it through
// http.Client's *url.Error.
type Transport struct {
	// Answerer supplies the credentials: a helper, or a connector's client.
	Answerer protocol.Answerer
	// Profile narrows (O14): it must own the URL. If it is "" the URL decides.
	Profile string
	// Base sends the requests. If nil, a pool like http.DefaultTransport, but only
	// HTTP/1.1: GODEBUG=http2debug would print every token (T7).
	Base http.RoundTripper
	// MaxWait limits the time that one request waits in all because the API asks for
	// it; 0: a minute; negative: it never waits.
	MaxWait time.Duration
	// Now is the clock, with its monotonic reading; nil: time.Now.
	Now func() time.Time
	// Sleep waits, or returns the context's error if that ends first; nil: a timer.
	Sleep func(context.Context, time.Duration) error

	gates gates

	once sync.Once
	own  *http.Transport

	reports reports
}

var _ http.RoundTripper = (*Transport)(nil)

// trip is the state of one request.
type trip struct {
	*Transport
	req        *http.Request
	url        origin.URL
	server     string // scheme://host[:port]
	profile    string // narrows
	redirected bool
	bare       bool // sent without a token

	credential protocol.Credential // zero without a token
	refused    secret.Text         // by the API; zero before that
	status     int                 // the status of that refusal
	sent       bool
	waited     time.Duration
	waits      int // how often the API asked to wait
}

// errStands says that the API's last response is final.
var errStands = errors.New("the answer of the api stands")

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x, err := t.begin(req)
	if err != nil {
		closeBody(req)
		return nil, fmt.Errorf("not sent: %w", err)
	}
	var answer *http.Response // the last response, while another one is tried for
	for {
		if err := x.ready(answer); err != nil {
			if errors.Is(err, errStands) {
				return answer, nil
			}
			if answer != nil {
				_ = answer.Body.Close()
			}
			if !x.sent {
				closeBody(req)
			}
			return nil, err
		}
		if answer != nil {
			_ = answer.Body.Close()
		}
		if answer, err = x.send(); err != nil {
			return nil, err
		}
		remember(answer, req, x.credential.Profile)
		if !x.again(answer) {
			return answer, nil
		}
		hold(answer)
	}
}

// CloseIdleConnections closes those of the base, for http.Client.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// begin checks the request and determines whether it may have a token.
func (t *Transport) begin(req *http.Request) (*trip, error) {
	if t.Answerer == nil {
		return nil, protocol.Policy("the transport has no answerer")
	}
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	x := &trip{Transport: t, req: req, profile: t.Profile, redirected: req.Response != nil}
	var err error
	if x.url, err = address(req); err != nil && !x.redirected {
		return nil, err
	}
	if x.redirected {
		may := false
		x.profile, may = t.afterRedirect(req)
		x.bare = err != nil || !may // no profile owns a URL that cannot be parsed
	}
	x.server = x.url.String()
	return x, nil
}

// ready waits at the server's gate and requests the token that is then current. If
// there is already a response, and sending again would be pointless, it returns
// errStands.
func (x *trip) ready(answer *http.Response) error {
	if x.bare {
		return nil
	}
	if err := x.pass(); err != nil {
		if answer != nil && errors.Is(err, protocol.ErrUnreachable) {
			return errStands
		}
		return err
	}
	err := x.ask()
	switch {
	case err == nil && answer != nil && x.credential.Secret.Equal(x.refused):
		return errStands // there is no other token
	case err == nil:
		return nil
	case x.redirected && !x.sent && foreign(err):
		x.bare = true
		return nil
	case answer != nil && answer.StatusCode != http.StatusUnauthorized:
		return errStands // a 404 may be a real one, and a 429 is worth waiting for
	}
	return noToken(err)
}

// noToken adds to the answerer's error that there is no token.
func noToken(err error) error { return fmt.Errorf("no bearer token: %w", err) }

// ask asks the answerer, which gets one report of a refused token, however many
// requests saw the refusal. Its log does not get the query.
func (x *trip) ask() error {
	r := protocol.Request{Verb: protocol.Get, URL: x.url, Profile: x.profile}
	var c protocol.Credential
	var err error
	if x.refused.IsZero() {
		c, _, err = get(x.req.Context(), x.Answerer, r, x.now)
	} else {
		c, err = x.renew(r)
	}
	if err == nil && c.Header != "" && brings(x.req, c.Header) {
		err = of(c, protocol.ErrPolicy, "the request brings its own "+c.Header)
	}
	if err == nil {
		x.credential = c
	}
	return err
}

// send sends a copy with the token: the first time with the caller's body, then with a
// new one.
func (x *trip) send() (*http.Response, error) {
	out := x.req.Clone(x.req.Context())
	if x.sent && hasBody(x.req) {
		body, err := x.req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("not sent again: %w", err)
		}
		out.Body = body
	}
	x.sent = true
	if !x.bare {
		if out.Header == nil {
			out.Header = http.Header{}
		}
		setToken(out.Header, x.credential)
	}
	return x.base().RoundTrip(out)
}

// setToken sets the token in the field that the profile names. This is the only place
// where it leaves.
func setToken(h http.Header, c protocol.Credential) {
	name, value := c.Header, c.Secret.Reveal()
	if name == "" {
		name = "Authorization"
	}
	if c.Scheme != "" {
		value = c.Scheme + " " + value
	}
	h.Set(name, value)
}

// again reports whether the request is to be sent once more after this response, and
// updates the shared state: the gate of the server, and the report of the token.
func (x *trip) again(answer *http.Response) bool {
	if x.bare {
		return false
	}
	if wait, asked := x.asksToWait(answer); asked {
		x.gates.shut(x.server, x.now().Add(wait))
		x.waits++
		return repeatable(x.req) && (answer.StatusCode == http.StatusTooManyRequests || idempotent(x.req))
	}
	if !x.credential.RefreshesOn(answer.StatusCode) {
		return false
	}
	token, profile := x.credential.Secret, x.credential.Profile
	if !x.refused.IsZero() {
		x.reports.inVain(profile, token, answer.StatusCode, x.now())
		return false
	}
	if x.reports.inVainBefore(profile, token, answer.StatusCode, x.now()) {
		return false
	}
	x.refused, x.status = token, answer.StatusCode
	if !repeatable(x.req) {
		x.tell()
		return false
	}
	return true
}

func (t *Transport) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

// base returns the RoundTripper that sends. The default is not http.DefaultTransport,
// which any library may have changed for the whole program, including its verification
// of certificates (T11).
func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	t.once.Do(func() {
		dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
		t.own = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			MaxIdleConns:          100,
			MaxIdleConnsPerHost:   16, // 2 would open a connection for most calls of a busy connector
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: time.Second,
			Protocols:             new(http.Protocols),
		}
		t.own.Protocols.SetHTTP1(true)
	})
	return t.own
}
