package oauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is SHA-1 by definition (RFC 7515 4.1.7)
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/credhelper/credhelper/protocol/secret"
)

// assertionLife is the lifetime of an assertion. Glewlwyd accepts at most 300 s, and a
// clock that is a minute slow must still work.
const (
	assertionLife    = 120 * time.Second
	assertionLongest = time.Hour
)

// Assertion describes the JWTs that a client signs: for client authentication (RFC 7523
// 2.2), as a grant (RFC 7523 2.1), or as the bearer token itself.
type Assertion struct {
	Alg        string        // row of Algs; "": by the key (see Algs)
	KeyID      string        // "kid"; "": the key file's own, or none
	Thumbprint string        // "x5t", "x5t#S256", "both", "none"; "": x5t#S256 where there is a certificate
	Audience   string        // "aud"; "": the token endpoint as configured. No value suits all servers
	Issuer     string        // "iss"; "": the client id
	Subject    string        // "sub"; "": the client id; NoSubject: none
	Life       time.Duration // from iat to exp; 0: 120 s
	ScopeClaim bool          // scopes are the claim "scope" and no form field (Google)
	Claims     [][2]string   // further claims, texts all; a name never repeats

	// Ready returns an assertion that another issuer signed: a workload's or a CI job's
	// identity token. It is called for each attempt. It is nil if Key or Secret signs.
	Ready func() (secret.Text, error)
}

// NoSubject omits "sub": RFC 7523 3 requires it, but Google takes it for a person to be
// impersonated.
const NoSubject = "-"

// alg is one way to sign.
type alg struct {
	name string
	is   jose.SignatureAlgorithm
	fits func(key any) bool
}

func isRSA(key any) bool { _, ok := key.(*rsa.PrivateKey); return ok }

// algs are the ways to sign with a private key. The first that fits is the default for
// a key alone; with a certificate PS256 precedes RS256, as Entra requires
// ("certificate-credentials", Microsoft's page).
var algs = [...]alg{
	{"RS256", jose.RS256, isRSA},
	{"PS256", jose.PS256, isRSA},
	{"ES256", jose.ES256, func(key any) bool { _, ok := key.(*ecdsa.PrivateKey); return ok }},
	{"EdDSA", jose.EdDSA, func(key any) bool { _, ok := key.(ed25519.PrivateKey); return ok }},
}

// Algs returns the valid values of Assertion.Alg.
func Algs() (names []string) {
	for _, a := range algs {
		names = append(names, a.name)
	}
	return names
}

// algFor returns how a key signs, or the reason why it cannot.
func (a Assertion) algFor(k *Key) (jose.SignatureAlgorithm, string) {
	want := a.Alg
	if want == "" && isRSA(k.signer) && k.Certificate() != nil {
		want = "PS256"
	}
	for _, row := range algs {
		switch {
		case want == "" && row.fits(k.signer), row.name == want && row.fits(k.signer):
			return row.is, ""
		case row.name == want:
			return "", "assertion.alg " + quoted(want) + " does not go with this kind of key"
		}
	}
	return "", "assertion.alg " + quoted(want) + " is none of " + strings.Join(Algs(), ", ")
}

// checkSettings refuses invalid settings.
func (a Assertion) checkSettings() error {
	switch a.Thumbprint {
	case "", "none", "x5t", "x5t#S256", "both":
	default:
		return policy("assertion.thumbprint " + quoted(a.Thumbprint) + ` is none of "x5t", "x5t#S256", "both", "none"`)
	}
	if a.Alg != "" && a.Alg != "HS256" && !slices.Contains(Algs(), a.Alg) {
		return policy("assertion.alg " + quoted(a.Alg) + " is none of " + strings.Join(Algs(), ", "))
	}
	if a.Life < 0 || a.Life > assertionLongest {
		return policy("assertion.life is more than an hour")
	}
	for _, c := range a.Claims {
		switch c[0] {
		case "", "iss", "sub", "aud", "exp", "nbf", "iat", "jti":
			return policy("the claim " + quoted(c[0]) + " is the assertion's own and cannot be set by hand")
		}
	}
	return nil
}

// check refuses a key that cannot sign with this algorithm, or whose certificate is not
// valid.
func (a Assertion) check(k *Key, now time.Time) error {
	switch a.Thumbprint {
	case "x5t", "x5t#S256", "both":
		if k.Certificate() == nil {
			return policy("assertion.thumbprint needs a certificate and there is none")
		}
	}
	if _, reason := a.algFor(k); reason != "" {
		return policy(reason)
	}
	if reason := k.expired(now); reason != "" {
		return policy(reason)
	}
	return nil
}

// signed returns a new assertion signed by the client's key: a jti can be used only
// once (RFC 7523 3, A10).
func (c *Client) signed() (secret.Text, error) {
	method, reason := c.Assertion.algFor(c.Key)
	if reason != "" {
		return secret.Text{}, policy(reason)
	}
	options := c.Assertion.header(c.Key).WithType("JWT")
	return c.sign(jose.SigningKey{Algorithm: method, Key: c.Key.signer}, options)
}

// header identifies the key among the client's keys at the server.
func (a Assertion) header(k *Key) *jose.SignerOptions {
	o := &jose.SignerOptions{}
	if id := a.KeyID; id != "" {
		o.WithHeader("kid", id)
	} else if k.id != "" {
		o.WithHeader("kid", k.id)
	}
	cert := k.Certificate()
	if cert == nil || a.Thumbprint == "none" {
		return o
	}
	if a.Thumbprint == "x5t" || a.Thumbprint == "both" {
		sum := sha1.Sum(cert.Raw) //nolint:gosec // an identifier, RFC 7515 4.1.7
		o.WithHeader("x5t", base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	if a.Thumbprint != "x5t" {
		sum := sha256.Sum256(cert.Raw)
		o.WithHeader("x5t#S256", base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	return o
}

// sign writes the claims of RFC 7523 3 and signs them.
func (c *Client) sign(key jose.SigningKey, o *jose.SignerOptions) (secret.Text, error) {
	signer, err := jose.NewSigner(key, o)
	if err != nil {
		return secret.Text{}, policy("the key cannot sign")
	}
	claims, err := json.Marshal(c.claims())
	if err != nil {
		return secret.Text{}, policy("the claims cannot be written")
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return secret.Text{}, policy("the key cannot sign")
	}
	compact, err := signed.CompactSerialize()
	return secret.New(compact), err
}

func (c *Client) claims() map[string]any {
	a, now := c.Assertion, c.now()
	claims := map[string]any{
		"iss": orText(a.Issuer, c.ID),
		"sub": orText(a.Subject, c.ID),
		"aud": orText(a.Audience, c.TokenURL),
		"jti": rand.Text(),
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(or(a.Life, assertionLife)).Unix(),
	}
	if claims["aud"] == "" { // a token that is signed here without an endpoint
		delete(claims, "aud")
	}
	if a.Subject == NoSubject {
		delete(claims, "sub")
	}
	if a.ScopeClaim && len(c.Scopes) > 0 {
		claims["scope"] = strings.Join(c.Scopes, " ")
	}
	for _, more := range a.Claims {
		claims[more[0]] = more[1]
	}
	return claims
}

// ready returns an assertion that was signed elsewhere. It must look like a JWT or a
// token; its content is the server's concern.
func (a Assertion) ready() (secret.Text, error) {
	s, err := a.Ready()
	if err != nil {
		return secret.Text{}, asReason(err, "the ready assertion cannot be had")
	}
	text := strings.TrimSpace(s.Reveal())
	if !refreshToken(text) || strings.Contains(text, " ") {
		return secret.Text{}, policy("the ready assertion is not one line of printable ASCII")
	}
	return secret.New(text), nil
}

func orText(s, unset string) string {
	if s != "" {
		return s
	}
	return unset
}
