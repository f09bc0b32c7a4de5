package oauth

import "github.com/credhelper/credhelper/protocol/secret"

// refreshGrant is RFC 6749 6. The server may have replaced the refresh token, and may
// end the whole sign-in if it sees the old one again: so it is never sent twice once
// bytes have left (A10). The caller holds a lock and stores Token.Refresh before
// anything else (A18, A22).
var refreshGrant = Grant{
	Name: "refresh_token",
	Type: "refresh_token",
	Fields: func(c *Client) ([][2]string, error) {
		fields := [][2]string{{"refresh_token", c.Use.Refresh.Reveal()}}
		return withScope(fields, c.Scopes), nil
	},
	Check: func(c *Client) error { return usable("refresh token", c.Use.Refresh) },
}

// usable refuses a missing value, and one that no server can have issued.
func usable(what string, s secret.Text) error {
	switch {
	case s.IsZero():
		return policy("there is no " + what)
	case !refreshToken(s.Reveal()):
		return policy("the " + what + " cannot be one")
	}
	return nil
}
