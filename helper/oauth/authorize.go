package oauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/oauth2"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// SignIn is one sign-in with a browser: authorization code with PKCE (RFC 6749 4.1, RFC
// 7636, RFC 8252). The caller opens URL in a browser and passes the redirect's query to
// Finish, or lets Serve do so on a listener.
type SignIn struct {
	URL      string // to open in a browser; contains no secret that is sufficient by itself
	Start    string // address on Serve's listener that redirects the first visitor to URL
	Redirect string // redirect_uri

	client *Client
	issuer string
	must   bool // "iss" must come back (RFC 9207 2.4)
	state  secret.Text
	pkce   secret.Text
	stray  atomic.Bool // a redirect with another state arrived
	nonce  secret.Text // of OpenID Connect; zero without the scope openid
}

// AuthorizationRequest says where a sign-in begins (RFC 6749 4.1.1).
type AuthorizationRequest struct {
	AuthorizationURL string // absolute https URL; a query is kept (RFC 6749 3.1)
	Redirect         string // redirect_uri: http on 127.0.0.1, [::1] or localhost
	Issuer           string // what "iss" must be (RFC 9207); "": it is not looked at
	MustIssuer       bool   // the server says that it always sends "iss"
}

// Begin starts a sign-in with a new state and a new verifier, always S256 (A7). Its
// errors are *Error of kind Policy; nothing is sent.
func (c *Client) Begin(s AuthorizationRequest) (*SignIn, error) {
	client := *c
	client.Grant = authorizationCode.Name
	if err := client.CheckSettings(); err != nil {
		return nil, err
	}
	page, query, _ := strings.Cut(s.AuthorizationURL, "?")
	if reason := BadEndpoint(page); reason != "" {
		return nil, policy("authorization_url " + reason)
	}
	if reason := badRedirect(s.Redirect); reason != "" {
		return nil, policy("redirect " + reason)
	}
	fields, err := url.ParseQuery(query)
	if err != nil {
		return nil, policy("authorization_url holds a query that cannot be read")
	}
	in := &SignIn{
		Redirect: s.Redirect, client: &client, issuer: s.Issuer, must: s.MustIssuer,
		state: secret.New(rand.Text() + rand.Text()), pkce: secret.New(oauth2.GenerateVerifier()),
	}
	if in.Start, err = startOf(s.Redirect); err != nil {
		return nil, err
	}
	own := slices.ContainsFunc(c.Params, func(p [2]string) bool { return p[0] == "nonce" })
	if slices.Contains(c.Scopes, "openid") && !own { // OpenID Connect Core 3.1.2.1; some servers demand it
		in.nonce = secret.New(rand.Text() + rand.Text())
		fields.Set("nonce", in.nonce.Reveal())
	}
	for _, f := range withScope([][2]string{
		{"response_type", "code"}, {"client_id", c.ID}, {"redirect_uri", s.Redirect}, {"state", in.state.Reveal()},
		{"code_challenge", oauth2.S256ChallengeFromVerifier(in.pkce.Reveal())}, {"code_challenge_method", "S256"},
	}, c.Scopes) {
		fields.Set(f[0], f[1])
	}
	client.addCommon(fields)
	in.URL = page + "?" + fields.Encode()
	return in, nil
}

// startOf returns an unguessable address beside the redirect. The browser is started
// with it rather than with the URL, because every user of the machine can read its
// arguments; this address works only once.
func startOf(redirect string) (string, error) {
	u, err := url.Parse(redirect)
	if err != nil {
		return "", policy("redirect is not an address")
	}
	return u.Scheme + "://" + u.Host + "/start-" + rand.Text(), nil
}

// begunHere reports whether a redirect has the state of this sign-in, once.
func (in *SignIn) begunHere(back url.Values) bool {
	return len(back["state"]) == 1 && subtle.ConstantTimeCompare([]byte(back.Get("state")), []byte(in.state.Reveal())) == 1
}

// badRedirect returns why no redirect can return to this machine (RFC 8252 7.3).
func badRedirect(redirect string) string {
	u, err := url.Parse(redirect)
	switch {
	case err != nil || u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "is not http://127.0.0.1:PORT/PATH"
	case u.Hostname() != "localhost" && !loopback(u.Hostname()):
		return "is not on this machine (RFC 8252 7.3)"
	}
	return ""
}

// Finish checks the redirect's query and requests the token. Nothing is sent unless
// state and issuer are right (A7, T13). Its errors are *Error.
func (in *SignIn) Finish(ctx context.Context, back url.Values) (*Token, error) {
	code, failure := in.check(back)
	if failure != nil {
		return nil, failure
	}
	in.client.Use = Use{Code: code, Verifier: in.pkce, Redirect: in.Redirect, Nonce: in.nonce}
	return in.client.Token(ctx)
}

// FinishAt is Finish for the address that the browser ended at, as a person copied it from
// a browser on another machine, where nobody listens at Redirect. It must be Redirect with
// the server's answer.
func (in *SignIn) FinishAt(ctx context.Context, address string) (*Token, error) {
	back, err := url.Parse(strings.TrimSpace(address))
	if err != nil || back.User != nil {
		return nil, &Error{Kind: Refused, Reason: "what was pasted is not an address"}
	}
	query := back.Query()
	back.RawQuery, back.Fragment = "", ""
	if want, err := url.Parse(in.Redirect); err != nil || back.Scheme != want.Scheme || back.Host != want.Host || orText(back.Path, "/") != orText(want.Path, "/") {
		return nil, &Error{Kind: Refused, Reason: "what was pasted is not where this sign-in ends: that address begins with " + printable.Value(in.Redirect)}
	}
	return in.Finish(ctx, query)
}

// check compares the response of RFC 6749 4.1.2 with the request. State comes first:
// without it nothing else is read.
func (in *SignIn) check(back url.Values) (secret.Text, *Error) {
	refuse := func(reason string) (secret.Text, *Error) {
		return secret.Text{}, &Error{Kind: Refused, Reason: reason}
	}
	for name, values := range back {
		if len(values) > 1 {
			return refuse("the browser came back with " + printable.Value(name) + " more than once (RFC 6749 3.1)")
		}
	}
	if !in.begunHere(back) {
		return refuse("the browser came back with another state: this sign-in was not begun here (RFC 6749 10.12)")
	}
	switch iss, came := back["iss"]; {
	case came && in.issuer != "" && iss[0] != in.issuer:
		return refuse("the answer is from another server than the one that was asked (RFC 9207 2.4)")
	case !came && in.must:
		return refuse("the answer does not say which server it is from, and this one always does (RFC 9207 2.4)")
	}
	if code := back.Get("error"); code != "" {
		return secret.Text{}, &Error{Kind: Refused, Code: in.client.foreign(code), Description: in.client.foreign(back.Get("error_description"))}
	}
	code := secret.New(back.Get("code"))
	if usable("authorization code", code) != nil {
		return refuse("the browser came back without a code")
	}
	return code, nil
}
