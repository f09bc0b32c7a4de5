package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/credhelper/credhelper/protocol/secret"
)

// alg is one way to sign: "alg" of a JWS (RFC 7518 3.1, RFC 8037 3.1).
type alg struct {
	name string
	fits func(key any) bool
	sign func(key any, text []byte) ([]byte, error) // for a key that fits
}

// algs are the ways to sign with a private key. The first that fits is the default for
// a key alone; with a certificate PS256 precedes RS256, as Entra requires
// ("certificate-credentials", Microsoft's page).
var algs = [...]alg{
	{"RS256", isRSA, func(key any, text []byte) ([]byte, error) {
		sum := sha256.Sum256(text)
		return rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	}},
	{"PS256", isRSA, func(key any, text []byte) ([]byte, error) {
		sum := sha256.Sum256(text)
		return rsa.SignPSS(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}},
	{"ES256", isP256, func(key any, text []byte) ([]byte, error) {
		sum := sha256.Sum256(text)
		r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
		if err != nil {
			return nil, err
		}
		both := make([]byte, 64) // RFC 7518 3.4: 32 bytes each
		r.FillBytes(both[:32])
		s.FillBytes(both[32:])
		return both, nil
	}},
	{"EdDSA", func(key any) bool { _, ok := key.(ed25519.PrivateKey); return ok }, func(key any, text []byte) ([]byte, error) {
		return ed25519.Sign(key.(ed25519.PrivateKey), text), nil
	}},
}

// hs256 signs with a secret that both ends have.
var hs256 = alg{name: "HS256", sign: func(key any, text []byte) ([]byte, error) {
	mac := hmac.New(sha256.New, key.([]byte))
	mac.Write(text)
	return mac.Sum(nil), nil
}}

func isRSA(key any) bool { _, ok := key.(*rsa.PrivateKey); return ok }

func isP256(key any) bool {
	k, ok := key.(*ecdsa.PrivateKey)
	return ok && k.Curve == elliptic.P256()
}

// jwt returns a signed JWT: the compact serialization of a JWS (RFC 7515 7.1). header is
// what there is besides "alg" and "typ".
func (a alg) jwt(key any, header map[string]string, claims map[string]any) (secret.Text, error) {
	header["alg"], header["typ"] = a.name, "JWT"
	head, err := json.Marshal(header)
	if err != nil {
		return secret.Text{}, policy("the header cannot be written")
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return secret.Text{}, policy("the claims cannot be written")
	}
	text := append(base64.RawURLEncoding.AppendEncode(nil, head), '.')
	text = base64.RawURLEncoding.AppendEncode(text, body)
	signature, err := a.sign(key, text)
	if err != nil {
		return secret.Text{}, policy("the key cannot sign")
	}
	return secret.New(string(base64.RawURLEncoding.AppendEncode(append(text, '.'), signature))), nil
}
