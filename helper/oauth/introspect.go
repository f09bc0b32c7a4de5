package oauth

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
)

// Introspection is the server's view of a token (RFC 7662 2.2). Texts are printable
// ASCII, truncated; unknown values are zero.
type Introspection struct {
	Active   bool
	Scope    string
	ClientID string
	Username string
	Subject  string
	Expires  time.Time
}

// Introspect asks the server about a token (RFC 7662). "active": false is a result, not
// an error. Its errors are *Error.
func (c *Client) Introspect(ctx context.Context, introspectionURL string, token secret.Text) (*Introspection, error) {
	form := url.Values{"token": {token.Reveal()}, "token_type_hint": {"access_token"}}
	a, failure := c.post(ctx, "introspection_url", introspectionURL, form)
	if failure != nil {
		return nil, failure
	}
	value, failure := a.object(introspectionURL)
	if failure != nil {
		return nil, failure
	}
	active, found := value.Get("active")
	is, err := active.Bool()
	if !found || err != nil {
		e := a.malformed(flaw{reason: "no \"active\" that is true or false (RFC 7662 2.2)", cure: cureEndpoint})
		e.URL = endpoint(introspectionURL)
		return nil, e
	}
	c = c.sending(form)
	show := func(name string) string { return c.foreign(textOf(value, name)) }
	return &Introspection{
		Active: is, Scope: show("scope"), ClientID: show("client_id"), Username: show("username"), Subject: show("sub"),
		Expires: dateOf(secondsOf(value, "exp")),
	}, nil
}

// dateOf converts a NumericDate (RFC 7519 2); zero for none and for an impossible one.
func dateOf(unix int64) time.Time {
	const year9999 = 253402300799
	if unix <= 0 || unix > year9999 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// Revoke revokes a token at the server (RFC 7009); hint is "refresh_token" or
// "access_token". A token that the server does not know counts as revoked (2.2). Its
// errors are *Error.
func (c *Client) Revoke(ctx context.Context, revocationURL string, token secret.Text, hint string) error {
	form := url.Values{"token": {token.Reveal()}, "token_type_hint": {hint}}
	_, failure := c.post(ctx, "revocation_url", revocationURL, form)
	if failure != nil && failure.Status != http.StatusNoContent { // some servers send 204
		return failure
	}
	return nil
}
