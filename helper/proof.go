package helper

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// prepare returns the client of a profile, with its secret or key, and a connection
// that presents its certificate if the client authentication requires that.
func (h *Helper) prepare(ctx context.Context, p *config.Profile, s secret.Text) (*oauth.Client, error) {
	client := h.client(p)
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

// tries returns a function that explains each request for a token; nil if no one asked
// for it.
func (h *Helper) tries(p *config.Profile) func(step string, took time.Duration, n int) {
	if h.config.Explain == nil {
		return nil
	}
	return func(step string, took time.Duration, n int) {
		if step == "wait" {
			h.explain(fmt.Sprintf("profile %s: waits %d ms", p.Name, took.Milliseconds()))
			return
		}
		h.explain(fmt.Sprintf("profile %s: try %d: %s, after %d ms", p.Name, n, step, took.Milliseconds()))
	}
}

// explainClock explains the difference of the clocks.
func (h *Helper) explainClock(p *config.Profile, token *oauth.Token) {
	text := "the server's clock agrees with ours, or it sent no Date"
	if token.Skew != 0 {
		text = "the server's clock less ours: " + token.Skew.String()
	}
	h.explain("profile " + p.Name + ": " + text + "; the token's end is counted by ours, from the request on")
}

// clientCert reads the certificate that the connection presents in addition to the
// client authentication, for gateways.
func (h *Helper) clientCert(ctx context.Context, p *config.Profile) (tls.Certificate, error) {
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

// reading returns a function that reads the source in a key of the profile; nil if
// there is none.
func (h *Helper) reading(ctx context.Context, p *config.Profile, member string, words []string) func() (secret.Text, error) {
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

// sourceProblem explains in our own words why a source supplied nothing, because
// package oauth shows no others.
func sourceProblem(member string, words []string, err error) error {
	cure := member + " says where it comes from: credhelper edit {profile}"
	if words[0] == "env" && errors.Is(err, keyring.ErrNotFound) {
		cure = "set " + words[1] + " for the program that calls credhelper; " + cure
	}
	return &oauth.Error{Kind: oauth.Policy, Reason: printable.Line(member + ": " + err.Error()), Cure: printable.Line(cure)}
}

// key reads the client's private key and its certificate.
func (h *Helper) key(ctx context.Context, p *config.Profile, s secret.Text) (*oauth.Key, error) {
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
	content, err := config.ReadProvided(p.Cert, largest)
	if err != nil {
		return nil, about(p.Name, err, "")
	}
	if key, err = key.WithCertificates(content); err != nil {
		return nil, keyProblem(p, err)
	}
	return key, nil
}

func keyProblem(p *config.Profile, err error) error {
	return about(p.Name, policy(printable.Line(err.Error())), "store the right key: credhelper rotate "+p.Name+" --key-file FILE")
}

// ErrEncrypted is what ReadKeyFile fails with where it needs a password and has none.
var ErrEncrypted = policy(oauth.ErrEncrypted.Error())

// ReadKeyFile parses a private key file and returns the form that the keyring stores:
// PEM, with its certificates, unencrypted. password is for an encrypted one.
func ReadKeyFile(content []byte, password secret.Text) (secret.Text, error) {
	key, err := oauth.ReadKey(content, password)
	if errors.Is(err, oauth.ErrEncrypted) {
		return secret.Text{}, ErrEncrypted
	}
	if err != nil {
		return secret.Text{}, policy(printable.Line(err.Error()))
	}
	return key.PEM()
}
