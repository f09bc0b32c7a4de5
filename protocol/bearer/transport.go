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

// Transport is an http.RoundTripper that sends each request with the token of its
// own URL, or not at all. Many goroutines may use one; it must not be copied.
//
//   - The answerer decides for each request, by scheme, host, port and path. A
//     request to an address that no profile owns is an error.
//   - A redirect to an address that is not the same profile's goes on without the
//     token, as does everything that it leads to, and what goes from https to http.
//   - After 401, or a status of Credential.RefreshOn, the token is reported as
//     refused, and if there is another one the request is sent once more.
//   - After 429, and after 503 with Retry-After, this and all other requests to that
//     server wait, at most MaxWait.
//   - Only what can be repeated is: a request without a body or with GetBody, which
//     http.NewRequest sets for the usual readers.
//
// The caller's request is not changed, and the answer's Request has no token.
// Errors that are not the base's wrap a sentinel of package protocol; errors.Is
// finds it through http.Client's *url.Error.
type Transport struct {
	// Answerer is asked: a helper, a connector's client.
	Answerer protocol.Answerer
	// Profile narrows (O14): it must own the URL. "" leaves the choice to the URL.
	Profile string
	// Base sends. nil: a pool of its own, set up as http.DefaultTransport, but for
	// HTTP/1.1 only: GODEBUG=http2debug would print every token (T7).
	Base http.RoundTripper
	// MaxWait is the most that one request waits in all because the API asked for
	// patience; 0: a minute; negative: it never waits.
	MaxWait time.Duration
	// Now is the clock, with its monotonic reading; nil: time.Now.
	Now func() time.Time
	// Sleep waits, or returns the context's error when that ends first; nil: a timer.
	Sleep func(context.Context, time.Duration) error

	gates gates

	once sync.Once
	own  *http.Transport

	reports reports
}

var _ http.RoundTripper = (*Transport)(nil)

// trip is one request on its way.
type trip struct {
	*Transport
	req        *http.Request
	url        origin.URL
	server     string // scheme://host[:port]
	profile    string // narrows
	redirected bool
	bare       bool // goes without a token

	credential protocol.Credential // zero without a token
	refused    secret.Text         // by the API; zero before that
	status     int                 // by which it was
	sent       bool
	waited     time.Duration
	patience   int // how often the API asked for it
}

// errStands says that there will be no better answer than the API's last one.
var errStands = errors.New("the answer of the api stands")

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x, err := t.begin(req)
	if err != nil {
		closeBody(req)
		return nil, fmt.Errorf("not sent: %w", err)
	}
	var answer *http.Response // the last one, while a better one is tried for
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

// CloseIdleConnections closes those of the base; http.Client calls it.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// begin checks the request and finds out whether it may have a token at all.
func (t *Transport) begin(req *http.Request) (*trip, error) {
	if t.Answerer == nil {
		return nil, policy("the transport has no answerer")
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
		x.bare = err != nil || !may // a URL that is not understood is nobody's
	}
	x.server = x.url.String()
	return x, nil
}

// ready waits at the server's gate and asks for the token that is good after
// that. With an answer at hand, and nothing to be won by sending again, it is
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
		return errStands // a 404 may well be one, and a 429 is worth waiting
	}
	return noToken(err)
}

// noToken says what is missing; the reason is the answerer's.
func noToken(err error) error { return fmt.Errorf("no bearer token: %w", err) }

// ask asks the answerer, which learns once that a token was refused, however many
// requests saw it. Its log gets no query.
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

// send sends a copy with the token; the first time with the caller's body, then
// with a new one.
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

// setToken is where the token leaves: the one field that the profile names.
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

// again reports whether a request that was answered so is to be sent once more, and
// draws the consequences for the others: the gate of the server, the token.
func (x *trip) again(answer *http.Response) bool {
	if x.bare {
		return false
	}
	if wait, asked := x.asksPatience(answer); asked {
		x.gates.shut(x.server, x.now().Add(wait))
		x.patience++
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
	if x.reports.known(profile, token, answer.StatusCode, x.now()) {
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

// base is what sends. The default is not http.DefaultTransport: any library may
// have changed that for the whole program, the checks of certificates included
// (T11).
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
