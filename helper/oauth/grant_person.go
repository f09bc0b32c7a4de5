package oauth

// authorizationCode is RFC 6749 4.1.3 with PKCE (RFC 7636 4.5). A code can be used only
// once, and using it twice revokes the resulting tokens (RFC 6749 4.1.2), so it is
// never sent again. Authorize makes the request that leads to the code.
var authorizationCode = Grant{
	Name:        "authorization_code",
	Type:        "authorization_code",
	Interactive: true,
	Fields: func(c *Client) ([][2]string, error) {
		return [][2]string{
			{"code", c.Use.Code.Reveal()},
			{"redirect_uri", c.Use.Redirect}, {"code_verifier", c.Use.Verifier.Reveal()},
		}, nil
	},
	Check: func(c *Client) error {
		if err := usable("authorization code", c.Use.Code); err != nil {
			return err
		}
		return usable("code verifier", c.Use.Verifier)
	},
}

// deviceCode is RFC 8628 3.4, a single request; Client.Poll repeats it.
var deviceCode = Grant{
	Name:        "device_code",
	Type:        "urn:ietf:params:oauth:grant-type:device_code",
	Interactive: true,
	Fields: func(c *Client) ([][2]string, error) {
		return [][2]string{{"device_code", c.Use.Device.Reveal()}}, nil
	},
	Check: func(c *Client) error { return usable("device code", c.Use.Device) },
}
