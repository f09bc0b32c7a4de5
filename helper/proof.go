package helper

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A client proves who it is by a secret, by a private key, or by what somebody
// else signed. Where a key is needed and the profile names no place of its own for
// it, the profile's secret is the key: in the keyring, or by reference.

// NeedsKey reports whether the client signs, or shows a certificate.
func (p *Profile) NeedsKey() bool {
	auth, _ := oauth.FindClientAuth(p.ClientAuth)
	return auth.NeedsKey || p.Grant == "self_signed" || p.Grant == "jwt_bearer" && p.From == nil
}

// SecretIsKey reports whether the profile's secret is its private key.
func (p *Profile) SecretIsKey() bool { return p.NeedsKey() && p.Key == nil }

// NeedsSecret reports whether there is a secret at all: public clients, and those
// whose key or assertion lies elsewhere, have none.
func (p *Profile) NeedsSecret() bool {
	auth, _ := oauth.FindClientAuth(p.ClientAuth)
	return auth.NeedsSecret || p.SecretIsKey()
}

// takeAssertion reads how the client signs, and from where it takes what it does
// not sign itself.
func (p *Profile) takeAssertion(d *document, f *File) error {
	var ok bool
	if p.Subject, ok = sourceOf(f.SubjectToken); !ok {
		return d.wrong("subject_token", `is a list such as ["file", "/path"]`)
	}
	p.Exchange = oauth.Use{SubjectType: f.SubjectTokenType, Requested: f.RequestedTokenType}
	if p.Grant == "token_exchange" && p.Subject == nil {
		return d.wrong("subject_token", "is missing: where the token to be exchanged comes from")
	}
	if a := f.Assertion; a != nil {
		p.Assertion = oauth.Assertion{
			Alg: a.Alg, KeyID: a.Kid, Thumbprint: a.Thumbprint, Audience: a.Aud, Issuer: a.Iss, Subject: a.Sub, ScopeClaim: yes(a.ScopeClaim),
		}
		if p.Assertion.Life, ok = duration(a.Life); !ok {
			return d.wrong("assertion.life", `is whole seconds, or a text such as "90s", "5m"`)
		}
		for _, name := range sortedKeys(a.Claims) {
			p.Assertion.Claims = append(p.Assertion.Claims, [2]string{name, a.Claims[name]})
		}
		if p.Key, ok = sourceOf(a.Key); !ok {
			return d.wrong("assertion.key", `is a list such as ["file", "/path"]; without it the profile's secret is the key`)
		}
		if p.From, ok = sourceOf(a.From); !ok {
			return d.wrong("assertion.from", `is a list such as ["file", "/path"]`)
		}
		if p.Cert = a.Cert; p.Cert != "" && !filepath.IsAbs(p.Cert) {
			return d.wrong("assertion.cert", "is an absolute path")
		}
	}
	return p.checkProof(d, f)
}

func (p *Profile) checkProof(d *document, f *File) error {
	signs := p.NeedsKey() || p.ClientAuth == "client_secret_jwt" || p.ClientAuth == "federation" || p.Grant == "jwt_bearer"
	switch {
	case f.Assertion != nil && !signs:
		return d.wrong("assertion", "client_auth %q signs no assertions", p.ClientAuth)
	case p.ClientAuth == "federation" && p.From == nil:
		return d.wrong("assertion.from", `is missing: client_auth "federation" shows an assertion from there`)
	case p.ClientAuth != "federation" && p.Grant != "jwt_bearer" && p.From != nil:
		return d.wrong("assertion.from", `belongs to client_auth "federation" or grant "jwt_bearer"`)
	}
	return nil
}

// sourceOf reads the words of a source; nil where there is none.
func sourceOf(v any) ([]string, bool) {
	words, ok := textList(v)
	if !ok || words == nil {
		return nil, ok
	}
	_, err := keyring.NewSource(words, keyring.Surroundings{})
	return words, err == nil
}

// assertionFile is what takeAssertion read, as a file says it.
func (p *Profile) assertionFile() *AssertionFile {
	a := p.Assertion
	f := &AssertionFile{Cert: p.Cert, Alg: a.Alg, Kid: a.KeyID, Thumbprint: a.Thumbprint, Aud: a.Audience, Iss: a.Issuer, Sub: a.Subject}
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

// assertionBound is what a key is bound to: for whom it signs what.
func (p *Profile) assertionBound() string {
	a := p.Assertion
	words := []string{a.Audience, a.Issuer, a.Subject}
	for _, c := range a.Claims {
		words = append(words, c[0]+"="+c[1])
	}
	return strings.TrimRight(strings.Join(words, "\x00"), "\x00")
}

// prepare makes the client of a profile, ready to ask: with its secret or key,
// and a connection that shows its certificate where that is the proof.
func (h *Helper) prepare(ctx context.Context, p *Profile, s secret.Text) (*oauth.Client, error) {
	client := p.client()
	client.Now = h.config.Now
	client.Trace = h.tries(p)
	if auth, _ := oauth.FindClientAuth(p.ClientAuth); auth.NeedsSecret {
		client.Secret = s
	}
	var shown tls.Certificate
	if p.NeedsKey() {
		key, err := h.key(ctx, p, s)
		if err != nil {
			return nil, err
		}
		client.Key = key
		if auth, _ := oauth.FindClientAuth(p.ClientAuth); auth.TLS {
			if shown, err = key.TLS(); err != nil {
				return nil, keyProblem(p, err)
			}
		}
	}
	var err error
	if p.ClientCert != nil {
		if shown, err = h.clientCert(ctx, p); err != nil {
			return nil, err
		}
	}
	if client.HTTP, err = h.connection(p, shown); err != nil {
		return nil, err
	}
	client.Assertion.Ready = h.reading(ctx, p, "assertion.from", p.From)
	client.Use.Subject = h.reading(ctx, p, "subject_token", p.Subject)
	return client, nil
}

// tries tells of each request for a token; nil where nobody wants to know.
func (h *Helper) tries(p *Profile) func(step string, took time.Duration, n int) {
	if h.config.Explain == nil {
		return nil
	}
	h.explain("profile " + p.Name + ": asks " + p.TokenURL)
	return func(step string, took time.Duration, n int) {
		if step == "wait" {
			h.explain(fmt.Sprintf("profile %s: waits %d ms", p.Name, took.Milliseconds()))
			return
		}
		h.explain(fmt.Sprintf("profile %s: try %d: %s, after %d ms", p.Name, n, step, took.Milliseconds()))
	}
}

// explainClock says whose clock a token's end is counted by.
func (h *Helper) explainClock(p *Profile, token *oauth.Token) {
	text := "the server's clock agrees with ours, or it sent no Date"
	if token.Skew != 0 {
		text = "the server's clock less ours: " + token.Skew.String()
	}
	h.explain("profile " + p.Name + ": " + text + "; the token's end is counted by ours, from the request on")
}

// clientCert reads the certificate that the connection shows beside the client
// authentication, as gateways want it.
func (h *Helper) clientCert(ctx context.Context, p *Profile) (tls.Certificate, error) {
	wrong := func(err error) (tls.Certificate, error) {
		return tls.Certificate{}, about(p.Name, policy("client_cert: "+printable.Line(err.Error())), "name the file with the key and its certificate: credhelper edit "+p.Name)
	}
	source, err := keyring.NewSource(p.ClientCert, h.surroundings(p))
	if err != nil {
		return wrong(err)
	}
	content, err := source.ReadKey(ctx)
	if err != nil {
		return wrong(err)
	}
	key, err := oauth.ReadKey([]byte(content.Reveal()), secret.Text{})
	if err != nil {
		return wrong(err)
	}
	if err := key.Valid(h.now()); err != nil {
		return wrong(err)
	}
	shown, err := key.TLS()
	if err != nil {
		return wrong(err)
	}
	return shown, nil
}

// reading reads the source that a member names each time it is asked; nil where there
// is none.
func (h *Helper) reading(ctx context.Context, p *Profile, member string, words []string) func() (secret.Text, error) {
	if words == nil {
		return nil
	}
	return func() (secret.Text, error) {
		source, err := keyring.NewSource(words, h.surroundings(p))
		if err != nil {
			return secret.Text{}, sourceProblem(member, words, err)
		}
		s, err := source.Read(ctx)
		if err != nil {
			return secret.Text{}, sourceProblem(member, words, err)
		}
		return s, nil
	}
}

// sourceProblem is why a source gave nothing to show, in our own words: package oauth
// shows nobody else's.
func sourceProblem(member string, words []string, err error) error {
	cure := member + " says where it comes from: credhelper edit {profile}"
	if words[0] == "env" && errors.Is(err, keyring.ErrNotFound) {
		cure = "set " + words[1] + " for the program that calls credhelper; " + cure
	}
	return &oauth.Error{Kind: oauth.Policy, Reason: printable.Line(member + ": " + err.Error()), Cure: printable.Line(cure)}
}

// key reads the client's private key and its certificate.
func (h *Helper) key(ctx context.Context, p *Profile, s secret.Text) (*oauth.Key, error) {
	if p.Key != nil {
		source, err := keyring.NewSource(p.Key, h.surroundings(p))
		if err == nil {
			s, err = source.ReadKey(ctx)
		}
		if err != nil {
			return nil, keyringError(p, err)
		}
	}
	key, err := oauth.ReadKey([]byte(s.Reveal()), secret.Text{})
	if err != nil {
		return nil, keyProblem(p, err)
	}
	if p.Cert == "" {
		return key, nil
	}
	const largest = 256 << 10
	content, err := readProvided(p.Cert, largest)
	if err != nil {
		return nil, about(p.Name, err, "")
	}
	if key, err = key.WithCertificates(content); err != nil {
		return nil, keyProblem(p, err)
	}
	return key, nil
}

func keyProblem(p *Profile, err error) error {
	return about(p.Name, policy(printable.Line(err.Error())), "store the right key: credhelper rotate "+p.Name+" --key-file FILE")
}

// ReadKeyFile reads a private key as it was handed out and returns it as the
// keyring keeps it: PEM, with its certificates, not encrypted. password opens an
// encrypted one.
func ReadKeyFile(content []byte, password secret.Text) (secret.Text, error) {
	key, err := oauth.ReadKey(content, password)
	if err != nil {
		return secret.Text{}, policy(printable.Line(err.Error()))
	}
	return key.PEM()
}
