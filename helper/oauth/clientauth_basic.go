package oauth

import (
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// basicAuth is HTTP Basic with id and secret form-encoded first, as RFC 6749 2.3.1
// requires and x/oauth2 does. Some servers, such as Glewlwyd, never decode them and
// need the raw form of RFC 7617. For letters and digits both are identical.
var basicAuth = ClientAuth{
	Name:        "client_secret_basic",
	Short:       "basic",
	NeedsSecret: true,
	Style:       oauth2.AuthStyleInHeader,
	Dress: func(c *Client, r *http.Request) {
		if c.RawBasic {
			r.SetBasicAuth(c.ID, c.Secret.Reveal())
		}
	},
	Suits: func(c *Client) error {
		if c.RawBasic && strings.Contains(c.ID, ":") {
			return policy("the client id holds a colon, which raw Basic cannot carry (RFC 7617 2)")
		}
		return nil
	},
}
