package oauth

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // x5t is SHA-1 by definition (RFC 7515 4.1.7)
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

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

// Algs returns the valid values of Assertion.Alg.
func Algs() (names []string) {
	for _, a := range algs {
		names = append(names, a.name)
	}
	return names
}

// algFor returns how a key signs, or the reason why it cannot.
func (a Assertion) algFor(k *Key) (alg, string) {
	want := a.Alg
	if want == "" && isRSA(k.signer) && k.Certificate() != nil {
		want = "PS256"
	}
	for _, row := range algs {
		switch {
		case want == "" && row.fits(k.signer), row.name == want && row.fits(k.signer):
			return row, ""
		case row.name == want:
			return alg{}, "assertion.alg " + quoted(want) + " does not go with this kind of key"
		}
	}
	return alg{}, "assertion.alg " + quoted(want) + " is none of " + strings.Join(Algs(), ", ")
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
	return k.Valid(now)
}

// signed returns a new assertion signed by the client's key: a jti can be used only
// once (RFC 7523 3, A10).
func (c *Client) signed() (secret.Text, error) {
	method, reason := c.Assertion.algFor(c.Key)
	if reason != "" {
		return secret.Text{}, policy(reason)
	}
	return method.jwt(c.Key.signer, c.Assertion.header(c.Key), c.claims())
}

// header identifies the key among the client's keys at the server.
func (a Assertion) header(k *Key) map[string]string {
	header := map[string]string{}
	if id := orText(a.KeyID, k.id); id != "" {
		header["kid"] = id
	}
	cert := k.Certificate()
	if cert == nil || a.Thumbprint == "none" {
		return header
	}
	if a.Thumbprint == "x5t" || a.Thumbprint == "both" {
		sum := sha1.Sum(cert.Raw) //nolint:gosec // an identifier, RFC 7515 4.1.7
		header["x5t"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if a.Thumbprint != "x5t" {
		sum := sha256.Sum256(cert.Raw)
		header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return header
}

// claims returns the claims of RFC 7523 3.
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
		return secret.Text{}, asReason(err, "the assertion cannot be had")
	}
	text := strings.TrimSpace(s.Reveal())
	if !refreshToken(text) || strings.Contains(text, " ") {
		return secret.Text{}, policy("what assertion.from names is not one line of printable ASCII")
	}
	return secret.New(text), nil
}

func orText(s, unset string) string {
	if s != "" {
		return s
	}
	return unset
}
