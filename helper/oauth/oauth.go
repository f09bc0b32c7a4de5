// Package oauth requests access tokens from an authorization server (RFC 6749) and
// validates its responses strictly.
//
//	Client -> grant: form fields -> client authentication -> x/oauth2 -> exchange -> server
//	Token  <- x/oauth2 <- a clean reply <- strict reading <- bounded, vetted answer <-
//
// x/oauth2 builds the request. The http.RoundTripper that it is given (exchange.go)
// decides the rest: the headers, the limits, which responses are accepted, and how long
// a token is valid. A grant is a row of Grants, a client authentication a row of
// ClientAuths.
package oauth

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/credhelper/credhelper/protocol/retryafter"
	"github.com/credhelper/credhelper/protocol/secret"
)

// The limits of one call, unless a Client sets others.
const (
	connectTimeout = 4 * time.Second // TCP, and then TLS, with one machine
	allTimeout     = 6 * time.Second // all attempts and the waits between them; each attempt gets the remaining time

	defaultTTL = 300 * time.Second // A19: the lifetime of a token if the server states none
	maxTTL     = 24 * time.Hour    // A19: the longest lifetime that is accepted
)

// Client is one client of one authorization server, with all settings resolved. It
// looks nothing up: every value is given, and a zero value means what its comment says.
type Client struct {
	TokenURL string      // absolute https URL without userinfo and fragment (A2), its query is kept; http to a loopback literal only (A4)
	ID       string      // client_id, not encoded
	Secret   secret.Text // client secret as issued by the server, not encoded

	Grant    string // name of a row of Grants
	Auth     string // name, or short name, of a row of ClientAuths
	RawBasic bool   // client_secret_basic sends id and secret without form encoding (some servers never decode them)

	Key       *Key      // private key of the client, with its certificate if it needs one; may be nil
	Assertion Assertion // how JWTs are signed
	Use       Use       // the input of the grant

	Scopes   []string    // scope tokens (RFC 6749 3.3); none: no scope field
	LeftOut  []string    // scopes that a response must not grant, since a narrower token was wanted; usually nil
	Audience string      // "audience" field; "" sends none
	Resource []string    // "resource" fields, absolute URIs (RFC 8707 2)
	Params   [][2]string // further form fields; a name may repeat and keeps its order
	Headers  [][2]string // further headers of requests to the server's endpoints; no credentials

	AllowMissingType bool     // a response without token_type counts as Bearer (A15)
	AllowTypes       []string // further values of token_type that count as Bearer; never one of NeverBearer
	AllowForm        bool     // a form-encoded response is accepted (A14)
	WideToken        bool     // access tokens may contain any of 0x21-0x7E (A16)
	RequireScopes    bool     // fewer scopes than requested is an error, not a warning (A17)

	DefaultTTL time.Duration // lifetime of a token if the server states none; 0: 300 s
	MaxTTL     time.Duration // longest lifetime that is accepted; 0: 24 h
	Timeout    time.Duration // time limit of all attempts together, and of each request of Poll; 0: 6 s

	// Rotated is called with a refresh token in a response to the grant
	// "refresh_token", once per response and before anything else in it is checked
	// (A18); may be nil.
	Rotated func(secret.Text)

	sent []string // values of the current form that must not be shown

	HTTP  *http.Client                                 // from NewHTTPClient; nil: one with its defaults. Only the transport is used
	Now   func() time.Time                             // nil: the real clock
	Sleep func(context.Context, time.Duration) error   // waits between tries; nil: really
	Trace func(step string, took time.Duration, n int) // nil, or told of each try: its outcome in a word, its time, its number; and of each "wait" between two
}

// Use is the input of a grant. Only the members of the grant in use count.
type Use struct {
	Refresh secret.Text // refresh_token (RFC 6749 6)

	Code     secret.Text // authorization code (RFC 6749 4.1.3)
	Verifier secret.Text // code_verifier (RFC 7636 4.5)
	Redirect string      // redirect_uri of the authorization request
	Nonce    secret.Text // "nonce" that an ID token must have (OpenID Connect Core 3.1.3.7); zero: none was sent
	Device   secret.Text // device_code (RFC 8628 3.4)

	// Subject returns the token to be exchanged (RFC 8693 2.1); it is called for each
	// attempt.
	Subject     func() (secret.Text, error)
	SubjectType string // subject_token_type; "": an access token
	Requested   string // requested_token_type; "": the server's choice

	// Given returns a token that another program made, or a JSON object with it; Fresh
	// says that it was made for this call, so that an expires_in counts from now.
	Given func() (secret.Text, error)
	Fresh bool
}

// Token is an access token, with the values in the server's response.
type Token struct {
	Access   secret.Text   // matches RFC 6750's grammar (A16), or the wide one if the Client permits it
	Sent     time.Time     // when the request that got it was sent
	Expires  time.Time     // counted from Sent, never from the response's arrival (A20); never zero
	Scope    string        // granted scopes, separated by spaces: those in the response, else those requested
	Refresh  secret.Text   // a new refresh token; zero if none came. Store it before Access is used (A18)
	Skew     time.Duration // server's Date less our clock; 0 if there was none
	Warnings []string      // one line each, for stderr; no secrets
	Tries    int           // number of requests

	Issued        string // issued_token_type of an exchange (RFC 8693 2.2.1); may be empty
	CorrelationID string // the server's own id of the request, from a header; may be empty
}

// Token requests a token: at most 4 requests, 6 s in all, and never beyond ctx's
// deadline. Its errors are *Error.
func (c *Client) Token(ctx context.Context) (*Token, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if grant, _ := FindGrant(c.Grant); grant.Make != nil {
		return grant.Make(c)
	}
	token, failure := c.persist(ctx)
	if failure != nil {
		return nil, failure
	}
	return token, nil
}

// form returns the form of one request, without the fields of the client
// authentication.
func (c *Client) form(g Grant) (url.Values, error) {
	fields, err := g.Fields(c)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {g.Type}}
	for _, f := range fields {
		form.Add(f[0], f[1])
	}
	c.addCommon(form)
	return form, nil
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	return retryafter.Wait(ctx, d)
}

// or returns d, or unset if d is zero.
func or(d, unset time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return unset
}
