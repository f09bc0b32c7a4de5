package oauth

import "strings"

const (
	tokenTypePrefix  = "urn:ietf:params:oauth:token-type:"
	accessTokenType  = tokenTypePrefix + "access_token"
	refreshTokenType = tokenTypePrefix + "refresh_token"
)

// tokenExchange is RFC 8693: it exchanges one token for another.
var tokenExchange = Grant{
	Name:       "token_exchange",
	Type:       "urn:ietf:params:oauth:grant-type:token-exchange",
	Repeatable: true,
	Fields: func(c *Client) ([][2]string, error) {
		subject, err := c.Use.Subject()
		if err != nil {
			return nil, asReason(err, "the subject token cannot be had")
		}
		token := strings.TrimSpace(subject.Reveal())
		if !refreshToken(token) {
			return nil, policy("the subject token is not one line of printable ASCII")
		}
		fields := [][2]string{
			{"subject_token", token}, {"subject_token_type", orText(c.Use.SubjectType, accessTokenType)},
		}
		if c.Use.Requested != "" {
			fields = append(fields, [2]string{"requested_token_type", c.Use.Requested})
		}
		return withScope(fields, c.Scopes), nil
	},
	Check: func(c *Client) error {
		if c.Use.Subject == nil {
			return policy(`grant "token_exchange" needs a subject token and there is none`)
		}
		for _, t := range [...]string{c.Use.SubjectType, c.Use.Requested} {
			if t != "" && !strings.Contains(t, ":") {
				return policy("the token type " + quoted(t) + " is not a URI (RFC 8693 3)")
			}
		}
		return nil
	},
}

// notApplicable reports whether the type "N_A" is right: servers use it for an ID token
// or another JWT that was requested by type, and that its resource accepts as a bearer
// token (RFC 8693 2.2.1). It is wrong for anything that was not requested.
func (c *Client) notApplicable(kind, issued field) bool {
	return c.Grant == tokenExchange.Name && kind.shape == text && strings.EqualFold(kind.text, "N_A") &&
		c.Use.Requested != "" && c.Use.Requested != refreshTokenType && issued.text == c.Use.Requested
}

// isRefresh reports whether the server says that the token of a response is a refresh
// token, which no resource may ever see. zitadel sends this type with an access token
// and a refresh token beside it: if an access token was requested and the response has
// a separate refresh token, the first one is an access token.
func (c *Client) isRefresh(f fields) bool {
	refresh := f["refresh_token"]
	beside := refresh.shape == text && keepable(refresh.text) && refresh.text != f["access_token"].text
	asked := c.Use.Requested == "" || c.Use.Requested == accessTokenType
	return f["issued_token_type"].text == refreshTokenType && !(asked && beside)
}
