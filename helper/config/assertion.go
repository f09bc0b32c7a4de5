package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/oauth"
)

// A client authenticates with a secret, with a private key, or with an assertion signed
// by another issuer. If a key is needed and the profile does not name its source, the
// profile's secret is the key: in the keyring, or in its source.

// NeedsKey reports whether the client signs, or presents a certificate.
func (p *Profile) NeedsKey() bool {
	auth, _ := oauth.FindClientAuth(p.ClientAuth)
	return auth.NeedsKey || p.Grant == "self_signed" || p.Grant == "jwt_bearer" && p.From == nil
}

// SecretIsKey reports whether the profile's secret is its private key.
func (p *Profile) SecretIsKey() bool { return p.NeedsKey() && p.Key == nil }

// NeedsSecret reports whether there is a secret: public clients, those with their key or
// assertion elsewhere, and readers of a pool have none.
func (p *Profile) NeedsSecret() bool {
	if p.Pool.Reader {
		return false
	}
	auth, _ := oauth.FindClientAuth(p.ClientAuth)
	return auth.NeedsSecret || p.SecretIsKey()
}

// takeAssertion reads how the client signs, and the sources of assertions that others
// sign.
func (p *Profile) takeAssertion(d *configfile.Document, f *File) error {
	var ok bool
	if p.Subject, ok = sourceOf(f.SubjectToken); !ok {
		return d.Wrong("subject_token", "is a list such as %s", fileSource())
	}
	p.Exchange = oauth.Use{SubjectType: f.SubjectTokenType, Requested: f.RequestedTokenType}
	if p.Grant == "token_exchange" && p.Subject == nil {
		return d.Wrong("subject_token", "is missing: where the token to be exchanged comes from")
	}
	if a := f.Assertion; a != nil {
		p.Assertion = oauth.Assertion{
			Alg: a.Alg, KeyID: a.Kid, Thumbprint: a.Thumbprint, Audience: a.Aud, Issuer: a.Iss, Subject: a.Sub, ScopeClaim: yes(a.ScopeClaim),
		}
		if p.Assertion.Life, ok = duration(a.Life); !ok {
			return d.Wrong("assertion.life", `is whole seconds, or a string such as "90s", "5m"`)
		}
		for _, name := range sortedKeys(a.Claims) {
			p.Assertion.Claims = append(p.Assertion.Claims, [2]string{name, a.Claims[name]})
		}
		if p.Key, ok = sourceOf(a.Key); !ok {
			return d.Wrong("assertion.key", "is a list such as %s; without it the profile's secret is the key", fileSource())
		}
		if p.From, ok = sourceOf(a.From); !ok {
			return d.Wrong("assertion.from", "is a list such as %s", fileSource())
		}
		if p.Cert = a.Cert; p.Cert != "" && !filepath.IsAbs(p.Cert) {
			return d.Wrong("assertion.cert", "is an absolute path")
		}
	}
	return p.checkProof(d, f)
}

func (p *Profile) checkProof(d *configfile.Document, f *File) error {
	auth, _ := oauth.FindClientAuth(p.ClientAuth)
	signs := p.NeedsKey() || p.ClientAuth == "client_secret_jwt" || auth.Federated || p.Grant == "jwt_bearer"
	switch {
	case f.Assertion != nil && !signs:
		return d.Wrong("assertion", "client_auth %q signs no assertions", p.ClientAuth)
	case auth.Federated && p.From == nil:
		return d.Wrong("assertion.from", "is missing: client_auth %q shows an assertion from there", p.ClientAuth)
	case !auth.Federated && p.Grant != "jwt_bearer" && p.From != nil:
		return d.Wrong("assertion.from", `belongs to client_auth "federation" or "spiffe", or grant "jwt_bearer"`)
	}
	return nil
}

// settledAssertion returns the settings of takeAssertion in the form of the file.
func (p *Profile) settledAssertion() *assertionFile {
	a := p.Assertion
	f := &assertionFile{Cert: p.Cert, Alg: a.Alg, Kid: a.KeyID, Thumbprint: a.Thumbprint, Aud: a.Audience, Iss: a.Issuer, Sub: a.Subject}
	if a.ScopeClaim {
		f.ScopeClaim = &a.ScopeClaim
	}
	if p.Key != nil {
		f.Key = p.Key
	}
	if p.From != nil {
		f.From = p.From
	}
	if a.Life > 0 {
		f.Life = int64(a.Life / time.Second)
	}
	if len(a.Claims) > 0 {
		f.Claims = map[string]string{}
		for _, c := range a.Claims {
			f.Claims[c[0]] = c[1]
		}
	}
	return f
}

// assertionBound returns what a key is bound to: the contents and the audience of its
// assertions.
func (p *Profile) assertionBound() string {
	a := p.Assertion
	words := []string{a.Audience, a.Issuer, a.Subject}
	for _, c := range a.Claims {
		words = append(words, c[0]+"="+c[1])
	}
	return strings.TrimRight(strings.Join(words, "\x00"), "\x00")
}
