package oauth

import "strings"

// clientCredentials is the grant of RFC 6749 4.4: the client acts as itself. The
// request uses nothing up, so it can be repeated.
var clientCredentials = Grant{
	Name:       "client_credentials",
	Type:       "client_credentials",
	Repeatable: true,
	Fields: func(c *Client) ([][2]string, error) {
		return withScope(nil, c.Scopes), nil
	},
}

// withScope adds the scope field, one field for all scopes (RFC 6749 3.3). Without
// scopes it adds none, because some servers do not ignore an empty field.
func withScope(fields [][2]string, scopes []string) [][2]string {
	if len(scopes) == 0 {
		return fields
	}
	return append(fields, [2]string{"scope", strings.Join(scopes, " ")})
}
