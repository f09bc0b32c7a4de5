package oauthtest

import (
	"crypto"
	"crypto/sha1" //nolint:gosec // x5t is SHA-1 by definition
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// longestAssertion is what Glewlwyd takes at most.
const longestAssertion = 300 * time.Second

const jwtBearerType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// jwtSPIFFEType is that of a JWT-SVID (draft-ietf-oauth-spiffe-client-auth).
const jwtSPIFFEType = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"

type assertionClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
	Before   int64  `json:"nbf"`
}

// unverified reads an assertion's claims before its key is known.
func unverified(compact string) (claims assertionClaims, ok bool) {
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA, jose.HS256})
	if err != nil {
		return claims, false
	}
	return claims, json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claims) == nil
}

// badAssertion holds an assertion against RFC 7523 3 and the registration; "" if
// it is good. self wants iss and sub to be the client (2.2).
func (s *Server) badAssertion(c Client, compact string, self bool) string {
	key, algorithms := any(c.Key), []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}
	switch {
	case c.Auth == "client_secret_jwt":
		key, algorithms = []byte(c.Secret), []jose.SignatureAlgorithm{jose.HS256}
	case c.Certificate != nil:
		key = c.Certificate.PublicKey
	}
	if c.Alg != "" {
		algorithms = []jose.SignatureAlgorithm{jose.SignatureAlgorithm(c.Alg)}
	}
	signed, err := jose.ParseSignedCompact(compact, algorithms)
	if err != nil {
		return "an assertion that is no JWS of the registered alg"
	}
	if reason := thumbprint(c, signed.Signatures[0].Protected); reason != "" {
		return reason
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return "an assertion with a wrong signature"
	}
	var claims assertionClaims
	if json.Unmarshal(payload, &claims) != nil {
		return "an assertion whose claims cannot be read"
	}
	return s.badClaims(c, claims, self)
}

func (s *Server) badClaims(c Client, claims assertionClaims, self bool) string {
	now := s.options.Now()
	expires := time.Unix(claims.Expires, 0)
	switch {
	case self && (claims.Issuer != c.ID || claims.Subject != c.ID):
		return "iss and sub are not the client"
	case !s.rightAudience(claims.Audience):
		return "aud " + claims.Audience
	case claims.Expires == 0 || !now.Before(expires):
		return "an assertion that is over"
	case expires.Sub(now) > longestAssertion:
		return "an assertion that lives longer than 300 s"
	case claims.Before > now.Add(time.Minute).Unix():
		return "an assertion that is not valid yet"
	case claims.ID == "":
		return "an assertion without jti"
	}
	s.mu.Lock()
	again := s.jti[claims.ID]
	s.jti[claims.ID] = true
	s.mu.Unlock()
	if again {
		s.fault("jti %s twice (RFC 7523 3)", claims.ID)
		return "jti used twice"
	}
	return ""
}

func (s *Server) rightAudience(aud string) bool {
	issuer, token := s.Issuer(), s.TokenURL()
	switch {
	case s.odd("aud-issuer"):
		return aud == issuer
	case s.odd("aud-either"):
		return aud == issuer || aud == token
	}
	return aud == token
}

// thumbprint is Entra's rule: an assertion names its certificate by x5t or
// x5t#S256; a kid alone is not enough.
func thumbprint(c Client, h jose.Header) string {
	if c.Certificate == nil || !c.NeedsThumbprint {
		return ""
	}
	old, long := sha1.Sum(c.Certificate.Raw), sha256.Sum256(c.Certificate.Raw) //nolint:gosec // see above
	encode := base64.RawURLEncoding.EncodeToString
	if h.ExtraHeaders["x5t"] == encode(old[:]) || h.ExtraHeaders["x5t#S256"] == encode(long[:]) {
		return ""
	}
	return "an assertion that does not name the registered certificate"
}

// Key is what an assertion's signature is verified with.
type Key = crypto.PublicKey

// sameCertificate reports whether the connection was made with the registered
// certificate (RFC 8705 2.2).
func sameCertificate(c Client, peer *x509.Certificate) bool {
	return c.Certificate != nil && peer != nil && peer.Equal(c.Certificate)
}
