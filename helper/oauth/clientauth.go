package oauth

import (
	"net/http"

	"golang.org/x/oauth2"
)

// ClientAuth is one way for a client to say who it is. There is one per profile
// and it is never probed: a second style after a failed first one would send the
// secret twice and count as two failed logins (A1).
type ClientAuth struct {
	Name        string // as profiles spell it
	NeedsSecret bool   // Client.Secret must be there
	KeepsSecret bool   // and signs, but is never sent
	NeedsKey    bool   // Client.Key must be there
	TLS         bool   // the connection carries the key's certificate (RFC 8705)

	// Style tells x/oauth2 where id and secret go. Never the zero value, which
	// probes.
	Style oauth2.AuthStyle

	// Fields are further form fields, made anew for each try; nil if there are none.
	Fields func(c *Client) ([][2]string, error)

	// Dress changes the request that x/oauth2 has built; nil if it is right.
	Dress func(c *Client, r *http.Request)

	// Suits refuses settings that this way cannot carry; nil if it carries all.
	Suits func(c *Client) error

	// Check refuses a secret or key that this way cannot use; nil if any will do.
	Check func(c *Client) error
}

// ClientAuths are all the ways. A new one is a file and a row.
var ClientAuths = [...]ClientAuth{
	basicAuth,
	postAuth,
	noAuth,
	privateKeyJWT,
	clientSecretJWT,
	tlsClientAuth,
	selfSignedTLS,
	federation,
}

// FindClientAuth returns the row of that name.
func FindClientAuth(name string) (ClientAuth, bool) {
	for _, a := range ClientAuths {
		if a.Name == name {
			return a, true
		}
	}
	return ClientAuth{}, false
}
