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

	// Style tells x/oauth2 where id and secret go. Never the zero value, which
	// probes.
	Style oauth2.AuthStyle

	// Fields are further form fields, made anew for each try; nil if there are none.
	Fields func(c *Client) ([][2]string, error)

	// Dress changes the request that x/oauth2 has built; nil if it is right.
	Dress func(c *Client, r *http.Request)

	// Check refuses what this way cannot carry; nil if it carries all.
	Check func(c *Client) error
}

// ClientAuths are all the ways. A new one is a file and a row.
var ClientAuths = [...]ClientAuth{
	basicAuth,
	postAuth,
	noAuth,
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
