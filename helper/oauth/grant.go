package oauth

// Grant is an OAuth grant: the fields of the form, and whether the request can be
// repeated.
type Grant struct {
	Name string // as profiles spell it
	Type string // the grant_type on the wire

	// Repeatable reports whether the request may be sent again if the outcome of the
	// first is unknown: a refresh token or a code may be used up by then, and using it
	// twice can revoke the whole sign-in (A10).
	Repeatable bool

	Interactive bool // a person takes part: Authorize or Device, then Renewal
	Anonymous   bool // with client_auth "none" no client_id is sent: an assertion names the client (RFC 7521 4.1)
	Clientless  bool // there is no client: no id, and client_auth is "none"

	// Check refuses a Client without the input that the request needs; may be nil.
	Check func(c *Client) error

	// Make makes the token here, without a request; if nil, Fields are sent.
	Make func(c *Client) (*Token, error)

	// Fields returns the form fields of one request, without grant_type. It is called for
	// each attempt, so that anything usable only once is new.
	Fields func(c *Client) ([][2]string, error)
}

// Grants lists all grants. To add one, add a file and a row.
var Grants = [...]Grant{
	clientCredentials,
	refreshGrant,
	authorizationCode,
	deviceCode,
	jwtBearer,
	tokenExchange,
	selfSigned,
	given,
}

// FindGrant returns the row of that name.
func FindGrant(name string) (Grant, bool) {
	for _, g := range Grants {
		if g.Name == name {
			return g, true
		}
	}
	return Grant{}, false
}
