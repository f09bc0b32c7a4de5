package oauth

import (
	"github.com/credhelper/credhelper/protocol/secret"
)

// jwtBearer is RFC 7523 2.1: an assertion as the grant itself, signed by the client's
// key or elsewhere. Its aud could differ from that of a client assertion, but no known
// server needs two values, so one setting serves both.
var jwtBearer = Grant{
	Name:       "jwt_bearer",
	Type:       "urn:ietf:params:oauth:grant-type:jwt-bearer",
	Repeatable: true,
	Anonymous:  true,
	Fields: func(c *Client) ([][2]string, error) {
		assertion, err := c.grantAssertion()
		if err != nil {
			return nil, err
		}
		fields := [][2]string{{"assertion", assertion.Reveal()}}
		if c.Assertion.ScopeClaim {
			return fields, nil
		}
		return withScope(fields, c.Scopes), nil
	},
	Check: checkGrantAssertion,
}

func (c *Client) grantAssertion() (secret.Text, error) {
	if c.Assertion.Ready != nil {
		return c.Assertion.ready()
	}
	return c.signed()
}

func checkGrantAssertion(c *Client) error {
	switch {
	case c.Assertion.Ready != nil:
		return nil
	case c.Key == nil:
		return policy("grant " + quoted(c.Grant) + " needs a private key or a ready assertion and there is none")
	}
	return c.Assertion.check(c.Key, c.now())
}

// selfSigned is not a grant of a server: the client signs the bearer token itself, and
// the resource knows its public key (miniOrange's "JWT" set-up for Jira). Its lifetime
// is DefaultTTL if that is set, else its own.
var selfSigned = Grant{
	Name:       "self_signed",
	Repeatable: true,
	Make: func(c *Client) (*Token, error) {
		own := *c
		own.Assertion.Life = or(c.Assertion.Life, or(c.DefaultTTL, defaultTTL))
		own.Assertion.Audience = orText(c.Assertion.Audience, c.Audience)
		signed, err := own.signed()
		if err != nil {
			return nil, err
		}
		if !secret.ValidToken(signed.Reveal(), false) {
			return nil, policy("the token would be longer than a header may be")
		}
		sent := c.now()
		return &Token{Access: signed, Sent: sent, Expires: sent.Add(own.Assertion.Life)}, nil
	},
	Check: func(c *Client) error {
		if c.Key == nil {
			return policy(`grant "self_signed" needs a private key and there is none`)
		}
		return c.Assertion.check(c.Key, c.now())
	},
}
