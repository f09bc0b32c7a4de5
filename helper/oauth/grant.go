package oauth

// Grant is one way to a token: what the form says, and whether it may be said
// twice.
type Grant struct {
	Name string // as profiles spell it
	Type string // the grant_type on the wire

	// Repeatable reports whether the request may be sent again when it is not known
	// what became of the first: a refresh token or a code may be used up by then,
	// and using it twice can revoke the whole sign-in (A10).
	Repeatable bool

	Person    bool // a person has to take part: Authorize or Device, then Renewal
	Anonymous bool // with client_auth "none" no client_id is sent: an assertion names the client (RFC 7521 4.1)

	// Check refuses what the request needs and the Client has not; nil if it needs
	// nothing.
	Check func(c *Client) error

	// Make makes the token here, without any request; nil: Fields are sent.
	Make func(c *Client) (*Token, error)

	// Fields are the form fields of one request, grant_type among them. It is
	// called for each try, so that what may be used once is made anew.
	Fields func(c *Client) ([][2]string, error)
}

// Grants are all the ways to a token. A new one is a file and a row.
var Grants = [...]Grant{
	clientCredentials,
	refreshGrant,
	authorizationCode,
	deviceCode,
	jwtBearer,
	tokenExchange,
	selfSigned,
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
