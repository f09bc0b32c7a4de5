package oauth

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol/printable"
)

// reserved are the fields that a grant or a client authentication writes. A profile's
// params may add fields, but not replace these.
var reserved = [...]string{
	"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "resource", "audience",
	"refresh_token", "assertion", "code", "code_verifier", "redirect_uri", "device_code", "subject_token", "actor_token",
	"subject_token_type", "actor_token_type", "requested_token_type", "code_challenge", "code_challenge_method", "state", "response_type",
}

// Check refuses a client that could not make a request, or not without revealing
// something: a key that does not match, an expired certificate. It sends nothing; its
// errors are *Error of kind Policy.
func (c *Client) Check() error {
	if err := c.CheckSettings(); err != nil {
		return err
	}
	grant, _ := FindGrant(c.Grant)
	auth, _ := FindClientAuth(c.Auth)
	if err := c.checkProof(auth); err != nil || grant.Check == nil {
		return err
	}
	return grant.Check(c)
}

// checkProof checks the client's secret or key.
func (c *Client) checkProof(auth ClientAuth) error {
	switch {
	case auth.NeedsSecret && c.Secret.IsZero():
		return policy("client_auth " + quoted(c.Auth) + " needs a secret and there is none")
	case auth.NeedsKey && c.Key == nil:
		return policy("client_auth " + quoted(c.Auth) + " needs a private key and there is none")
	case auth.Check == nil:
		return nil
	}
	return auth.Check(c)
}

// CheckSettings is Check without the secret, the key and the input of the grant:
// everything that can be checked before a secret is stored.
func (c *Client) CheckSettings() error {
	grant, known := FindGrant(c.Grant)
	if !known {
		return policy("unknown grant " + quoted(c.Grant))
	}
	if c.TokenURL != "" || grant.Make == nil {
		if reason := BadEndpoint(c.TokenURL); reason != "" {
			return policy("token_url " + reason)
		}
	}
	auth, known := FindClientAuth(c.Auth)
	if !known {
		return policy("unknown client_auth " + quoted(c.Auth))
	}
	switch {
	case c.ID == "" && !grant.Clientless:
		return policy("client_id is missing")
	case grant.Clientless && auth.Name != noAuth.Name:
		return policy("grant " + quoted(c.Grant) + ` has no client to authenticate: client_auth is "none"`)
	}
	if auth.Suits != nil {
		if err := auth.Suits(c); err != nil {
			return err
		}
	}
	if err := c.Assertion.checkSettings(); err != nil {
		return err
	}
	return c.checkFields()
}

func (c *Client) checkFields() error {
	for _, s := range c.Scopes {
		if !scopeToken(s) {
			return policy("scope " + quoted(s) + " contains a character that RFC 6749 3.3 does not allow")
		}
	}
	for _, r := range c.Resource {
		if u, err := url.Parse(r); err != nil || !u.IsAbs() || strings.Contains(r, "#") {
			return policy("resource " + quoted(r) + " is not an absolute URI without fragment (RFC 8707 2)")
		}
	}
	if err := c.checkHeaders(); err != nil {
		return err
	}
	if c.Grant == tokenExchange.Name && c.Use.Requested == tokenTypePrefix+"refresh_token" {
		return policy("requested_token_type is a refresh token, which is never given out as a bearer token")
	}
	for _, p := range c.Params {
		switch {
		case p[0] == "":
			return policy("a param has no name")
		case holdsSecret(p[0]):
			return policy("param " + quoted(p[0]) + " would contain a secret, which a profile must not")
		}
		for _, name := range reserved {
			if p[0] == name {
				return policy("param " + quoted(p[0]) + " is the grant's own and cannot be set by hand")
			}
		}
	}
	return nil
}

// holdsSecret reports whether a form field of this name usually contains a secret. A
// profile is printed, exported and copied.
func holdsSecret(name string) bool {
	name = strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name))
	switch name {
	case "token", "access_token", "id_token", "auth_token", "assertion":
		return true
	}
	for _, end := range [...]string{"password", "passwd", "passphrase", "secret", "api_key", "apikey", "private_key"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return name == "pwd" || name == "pass"
}

// BadIssuer is BadEndpoint for an issuer, which has no query (RFC 8414 2).
func BadIssuer(rawURL string) string {
	if strings.Contains(rawURL, "?") {
		return "holds a query"
	}
	return BadEndpoint(rawURL)
}

// badQuery returns why the query of an endpoint is not acceptable. RFC 6749 3.1 and 3.2
// require that it is kept: Azure AD B2C names its policy there. But a field that the
// form also has would be sent twice (3.2), and a secret would be logged by every server
// on the way (2.3.1).
func badQuery(query string) string {
	fields, err := url.ParseQuery(query)
	if err != nil {
		return "holds a query that cannot be read"
	}
	for name := range fields {
		switch {
		case slices.Contains(reserved[:], name):
			return "holds " + quoted(name) + " in its query, which belongs to the form"
		case holdsSecret(name):
			return "holds " + quoted(name) + " in its query: a secret there would be in every log"
		}
	}
	return ""
}

// BadEndpoint returns why rawURL cannot be an endpoint that secrets are sent to; "" if
// it can: https, or http to a loopback address (A4), with a host and without user
// information and fragment (A2).
func BadEndpoint(rawURL string) string {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return "is not an absolute URL"
	case u.User != nil || strings.Contains(u.Host, "@"):
		return "holds a user or password"
	case strings.Contains(rawURL, "#"):
		return "holds a fragment"
	case u.ForceQuery:
		return "holds an empty query"
	case badQuery(u.RawQuery) != "":
		return badQuery(u.RawQuery)
	case u.Scheme == "https":
		return ""
	case u.Scheme == "http" && loopback(u.Hostname()):
		return ""
	case u.Scheme == "http" && u.Hostname() == "localhost":
		return "is plain http to localhost, a name that is looked up: write 127.0.0.1 in its place"
	case u.Scheme == "http":
		return "is plain http, which is allowed to 127.0.0.1 and [::1] only: write https"
	}
	return "is neither https nor http"
}

// loopback reports whether host is a loopback IP address. A name, including
// "localhost", depends on the resolver.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Zone() == "" && !a.Is4In6() && a.IsLoopback()
}

// scopeToken is RFC 6749 3.3: 1*( %x21 / %x23-5B / %x5D-7E ).
func scopeToken(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return s != ""
}

// quoted quotes a value of the configuration, which may come from outside.
func quoted(s string) string { return `"` + printable.Value(s) + `"` }
