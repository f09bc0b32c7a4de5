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

// userAgent is fixed: a version would tell a hostile server what to try (A3).
const userAgent = "credhelper"

// exchange is one request and its answer. x/oauth2 sends it and stands between
// two halves of ours: RoundTrip dresses what it built and gives it a clean reply
// instead of what the server wrote; reply keeps what we read ourselves, where
// x/oauth2 0.37 knows less: "never expires" for a missing or negative expires_in,
// members in any letter case, bodies in error texts.
type exchange struct {
	client *Client
	auth   ClientAuth
	base   http.RoundTripper
	mayAsk bool // the grant may be sent again though bytes left (A10)
	once   bool // what it shows counts once

	sent  time.Time // when this try began
	reply reply

	progress
}

// try is one request. It returns a token or a failure, never both.
func (c *Client) try(ctx context.Context) (*Token, *Error) {
	grant, _ := FindGrant(c.Grant) // Check has seen both
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
		config.ClientID = "" // the assertion says who asks (RFC 7521 4.1)
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

// neverFollow is reached only if RoundTrip let a 3xx pass, which it does not.
func neverFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport is what the given client sends with. Its jar, redirects and timeout
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

// RoundTrip sends what x/oauth2 built and returns a reply that it cannot
// misread. Whatever is wrong comes back as an *Error, so no byte of the answer
// reaches an error text that is not ours.
func (x *exchange) RoundTrip(built *http.Request) (*http.Response, error) {
	r := built.Clone(built.Context())
	x.client.setHeaders(r)
	if x.auth.Dress != nil {
		x.auth.Dress(x.client, r)
	}
	resp, err := x.base.RoundTrip(r)
	if err != nil {
		return nil, x.unanswered(r.Context(), err)
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

// clean is the reply as x/oauth2 gets to see it.
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

// failed finds our error in what x/oauth2 and net/http wrapped around it.
func (x *exchange) failed(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		// Neither of them fails by itself on a clean reply; their texts may hold
		// anything, so none is shown.
		e = &Error{Kind: Malformed, Reason: "the request could not be made"}
	}
	e.URL = endpoint(x.client.TokenURL)
	return e
}

// token joins what x/oauth2 returned with our own reading.
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

// EndsEarly says so if a token that is a JWT ends well before the time that its
// expires_in gives it, as where a server writes milliseconds or a date; "" if not. The
// claim is read for a person who tests: it may be another system's and decides nothing.
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

// endpoint is a URL without anything that could be private.
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

// asReason is err if it is one of ours, else the reason: foreign texts may hold
// anything.
func asReason(err error, reason string) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Policy, Reason: reason}
}
