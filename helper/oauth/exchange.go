package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// userAgent is fixed: a version would help a hostile server (A3).
const userAgent = "credhelper"

// exchange is one request and its response. x/oauth2 sends it, between two parts of
// ours. RoundTrip completes the request that x/oauth2 has built, and returns a cleaned
// response instead of the server's. reply keeps what we have parsed ourselves, where
// x/oauth2 0.37 is lax: it treats a missing or negative expires_in as "never expires",
// ignores the letter case of members, and puts bodies into error texts.
type exchange struct {
	client *Client
	auth   ClientAuth
	base   http.RoundTripper
	mayAsk bool // the grant may be sent again although bytes were sent (A10)
	once   bool // its input can be used only once

	sent  time.Time // when this attempt began
	reply reply

	progress
}

// try makes one request. It returns a token or a failure, never both.
func (c *Client) try(ctx context.Context) (*Token, *Error) {
	grant, _ := FindGrant(c.Grant) // Check has verified both
	auth, _ := FindClientAuth(c.Auth)
	form, err := c.form(grant)
	if err == nil && auth.Fields != nil {
		err = addFields(form, c, auth)
	}
	if err != nil {
		return nil, asError(err)
	}
	c = c.sending(form)
	ctx, cancel := context.WithTimeout(ctx, or(c.Timeout, allTimeout))
	defer cancel()
	x := &exchange{client: c, auth: auth, base: c.transport(), mayAsk: grant.Repeatable, once: !grant.Repeatable, sent: c.now()}
	ctx = context.WithValue(x.watch(ctx), oauth2.HTTPClient, &http.Client{Transport: x, CheckRedirect: neverFollow})

	config := clientcredentials.Config{ClientID: c.ID, TokenURL: c.TokenURL, EndpointParams: form, AuthStyle: auth.Style}
	if grant.Anonymous && auth.Name == noAuth.Name {
		config.ClientID = "" // the assertion identifies the client (RFC 7521 4.1)
	}
	if auth.NeedsSecret && !auth.KeepsSecret {
		config.ClientSecret = c.Secret.Reveal()
	}
	got, err := config.Token(ctx)
	if err != nil {
		return nil, x.failed(err)
	}
	return x.token(got), nil
}

func addFields(form url.Values, c *Client, auth ClientAuth) error {
	fields, err := auth.Fields(c)
	for _, f := range fields {
		form.Set(f[0], f[1])
	}
	return err
}

// neverFollow is not reached, because RoundTrip passes no 3xx on.
func neverFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport returns the given client's transport. Its cookie jar, redirects and timeout
// are not used.
func (c *Client) transport() http.RoundTripper {
	if c.HTTP != nil && c.HTTP.Transport != nil {
		return c.HTTP.Transport
	}
	own, err := NewHTTPClient(HTTPOptions{})
	if err != nil { // only a bad RootsPEM fails, and there is none
		return nil
	}
	return own.Transport
}

// RoundTrip sends the request that x/oauth2 has built, and returns a response that
// x/oauth2 cannot misread. Errors are *Error, so that no byte of the server's response
// gets into an error text of others.
func (x *exchange) RoundTrip(built *http.Request) (*http.Response, error) {
	r := built.Clone(built.Context())
	x.client.setHeaders(r)
	if x.auth.Dress != nil {
		x.auth.Dress(x.client, r)
	}
	resp, failure := x.send(r)
	if failure != nil {
		return nil, failure
	}
	defer resp.Body.Close()
	a, failure := x.read(r.Context(), resp)
	if failure == nil {
		x.reply, failure = x.accept(a)
	}
	if failure != nil {
		return nil, failure
	}
	return x.clean(built), nil
}

// send sends a request, and returns its response unless that is not HTTP. With 101
// a server switches to a protocol that nobody asked for (RFC 9110 15.2.2), and what
// follows has no end: net/http gives it to the caller without the request's time limit.
func (x *exchange) send(r *http.Request) (*http.Response, *Error) {
	resp, err := x.base.RoundTrip(r)
	if err != nil {
		return nil, x.unanswered(r.Context(), err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close()
		return nil, &Error{Kind: Malformed, Reason: notHTTP}
	}
	return resp, nil
}

// clean returns the response for x/oauth2.
func (x *exchange) clean(r *http.Request) *http.Response {
	body, err := json.Marshal(map[string]any{
		"access_token": x.reply.access, "token_type": "Bearer", "expires_in": int64(x.reply.life / time.Second),
	})
	if err != nil { // a map of text and a number always marshals
		body = nil
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}

// failed returns our error in what x/oauth2 and net/http have wrapped around it.
func (x *exchange) failed(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		// Neither fails by itself on a clean response; their texts may contain
		// anything, so none is shown.
		e = &Error{Kind: Malformed, Reason: "the request could not be made"}
	}
	e.URL = endpoint(x.client.TokenURL)
	return e
}

// token combines the result of x/oauth2 with our own parsing.
func (x *exchange) token(got *oauth2.Token) *Token {
	return &Token{
		Access:   secret.New(got.AccessToken),
		Sent:     x.sent,
		Expires:  x.sent.Add(x.reply.life),
		Scope:    x.reply.scope,
		Refresh:  x.reply.refresh,
		Skew:     x.reply.skew,
		Warnings: x.reply.warnings,

		Issued:        x.reply.issued,
		CorrelationID: x.reply.correlation,
	}
}

// EndsEarly returns a warning if a token that is a JWT expires well before its
// expires_in, as when a server sends milliseconds or a date; "" if not. The claim is
// only used for a person's test: it may be meant for another system.
func (t *Token) EndsEarly() string {
	const slack = 5 * time.Minute
	claims, isJWT := ClaimsOf(t.Access)
	end := claims.Expires
	if !isJWT || end.IsZero() || t.Expires.Sub(end.Add(max(0, -t.Skew))) <= slack {
		return ""
	}
	return "the token's own exp is " + end.Format(time.RFC3339) + ", and by expires_in it would be good until " +
		t.Expires.UTC().Format(time.RFC3339) + ": if expires_in is not in seconds, set max_ttl to the token's real life"
}

// endpoint returns a URL without any private parts.
func endpoint(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return printable.Value((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}

func asError(err error) *Error {
	return asReason(err, "the request could not be made")
}

// asReason returns err if it is one of ours, else the reason: other texts may contain
// anything.
func asReason(err error, reason string) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Policy, Reason: reason}
}
