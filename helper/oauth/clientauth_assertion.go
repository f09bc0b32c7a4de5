package oauth

import (
	"golang.org/x/oauth2"

	"github.com/credhelper/credhelper/protocol/secret"
)

// jwtBearerType is RFC 7523 2.2, jwtSPIFFEType
// draft-ietf-oauth-spiffe-client-auth.
const (
	jwtBearerType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	jwtSPIFFEType = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
)

// privateKeyJWT authenticates with a signature of the client's private key (RFC 7523
// 2.2; OpenID Connect Core 9).
var privateKeyJWT = ClientAuth{
	Name:     "private_key_jwt",
	NeedsKey: true,
	Style:    oauth2.AuthStyleInParams,
	Fields: func(c *Client) ([][2]string, error) {
		signed, err := c.signed()
		return assertionFields(jwtBearerType, signed, err)
	},
	Check: func(c *Client) error { return c.Assertion.check(c.Key, c.now()) },
}

// leastSecret follows RFC 7518 3.2: a key for HS256 must be at least as long as its
// digest.
const leastSecret = 32

// clientSecretJWT authenticates with a MAC keyed by the secret, which is never sent
// (OpenID Connect Core 9). The Style sends only the id, because x/oauth2 does not get
// the secret.
var clientSecretJWT = ClientAuth{
	Name:        "client_secret_jwt",
	NeedsSecret: true,
	KeepsSecret: true,
	Style:       oauth2.AuthStyleInParams,
	Fields: func(c *Client) ([][2]string, error) {
		signed, err := hs256.jwt([]byte(c.Secret.Reveal()), map[string]string{}, c.claims())
		return assertionFields(jwtBearerType, signed, err)
	},
	Suits: func(c *Client) error {
		if c.Assertion.Alg != "" && c.Assertion.Alg != "HS256" {
			return policy(`client_auth "client_secret_jwt" signs with HS256 only`)
		}
		return nil
	},
	Check: func(c *Client) error {
		if c.Secret.Len() < leastSecret {
			return policy(`client_auth "client_secret_jwt" needs a secret of at least 32 bytes (RFC 7518 3.2)`)
		}
		return nil
	},
}

// federation authenticates with an assertion that another issuer signed: the identity
// token of a workload or a CI job, which the server was configured to trust (RFC 7523
// 2.2).
var federation = ClientAuth{
	Name:      "federation",
	Federated: true,
	Style:     oauth2.AuthStyleInParams,
	Fields:    readyFields(jwtBearerType),
	Check:     checkReady,
}

// spiffe authenticates with the JWT-SVID of a SPIFFE workload
// (draft-ietf-oauth-spiffe-client-auth), which servers tell from other assertions by
// its type.
var spiffe = ClientAuth{
	Name:      "spiffe",
	Federated: true,
	Style:     oauth2.AuthStyleInParams,
	Fields:    readyFields(jwtSPIFFEType),
	Check:     checkReady,
}

func readyFields(kind string) func(c *Client) ([][2]string, error) {
	return func(c *Client) ([][2]string, error) {
		ready, err := c.Assertion.ready()
		return assertionFields(kind, ready, err)
	}
}

func checkReady(c *Client) error {
	if c.Assertion.Ready == nil {
		return policy("client_auth " + quoted(c.Auth) + " needs an assertion from a file or a command")
	}
	return nil
}

func assertionFields(kind string, assertion secret.Text, err error) ([][2]string, error) {
	if err != nil {
		return nil, err
	}
	return [][2]string{{"client_assertion_type", kind}, {"client_assertion", assertion.Reveal()}}, nil
}
