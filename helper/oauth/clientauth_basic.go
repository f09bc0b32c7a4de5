package oauth

import (
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// basicAuth is HTTP Basic with id and secret form-encoded first, as RFC 6749
// 2.3.1 has it; x/oauth2 does just that. Glewlwyd is a real server that never
// decodes: for it the raw form of RFC 7617. For ids and secrets of letters and
// digits both are the same bytes.
var basicAuth = ClientAuth{
	Name:        "basic",
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
