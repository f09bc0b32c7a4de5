package oauth

import (
	"net/http"

	"golang.org/x/oauth2"
)

// ClientAuth is one way of client authentication. A profile has exactly one, and others
// are never tried: after a failure another one would send the secret twice and count as
// two failed logins (A1).
type ClientAuth struct {
	Name        string // as profiles spell it: RFC 7591's token_endpoint_auth_method where it has one
	Short       string // what the first release called it, which profiles may say, too; "" if it called it Name
	NeedsSecret bool   // Client.Secret is required
	KeepsSecret bool   // the secret signs, and is never sent
	NeedsKey    bool   // Client.Key is required
	TLS         bool   // the connection carries the key's certificate (RFC 8705)
	Federated   bool   // Assertion.Ready is required: another issuer signs

	// Style tells x/oauth2 where to put id and secret. Never the zero value, which
	// tries both.
	Style oauth2.AuthStyle

	// Fields returns further form fields, new for each attempt; nil if there are none.
	Fields func(c *Client) ([][2]string, error)

	// Dress changes the request that x/oauth2 has built; may be nil.
	Dress func(c *Client, r *http.Request)

	// Suits refuses settings that this way cannot use; may be nil.
	Suits func(c *Client) error

	// Check refuses a secret or key that this way cannot use; may be nil.
	Check func(c *Client) error
}

// ClientAuths lists all client authentications. To add one, add a file and a row.
var ClientAuths = [...]ClientAuth{
	basicAuth,
	postAuth,
	noAuth,
	privateKeyJWT,
	clientSecretJWT,
	tlsClientAuth,
	selfSignedTLS,
	federation,
	spiffe,
}

// BoundName is the name that a secret is bound to, whichever the profile says: it has
// to stay what it was in the first release.
func (a ClientAuth) BoundName() string { return orText(a.Short, a.Name) }

// FindClientAuth returns the row of that name, or of that short one.
func FindClientAuth(name string) (ClientAuth, bool) {
	for _, a := range ClientAuths {
		if name != "" && (a.Name == name || a.Short == name) {
			return a, true
		}
	}
	return ClientAuth{}, false
}
