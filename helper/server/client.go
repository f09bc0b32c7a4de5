package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Client returns the client of a profile, with its secret or key, and a connection
// that presents its certificate if the client authentication requires that.
func (ss *Servers) Client(ctx context.Context, p *config.Profile, s secret.Text) (*oauth.Client, error) {
	client := ss.client(p)
	client.Trace = ss.tries(p)
	if auth, _ := oauth.FindClientAuth(p.ClientAuth); auth.NeedsSecret {
		client.Secret = s
	}
	var cert tls.Certificate
	if p.NeedsKey() {
		key, err := ss.key(ctx, p, s)
		if err != nil {
			return nil, err
		}
		client.Key = key
		if auth, _ := oauth.FindClientAuth(p.ClientAuth); auth.TLS {
			if cert, err = key.TLS(); err != nil {
				return nil, keyProblem(p, err)
			}
		}
	}
	var err error
	if client.HTTP, err = ss.certified(ctx, p, cert); err != nil {
		return nil, err
	}
	client.Assertion.Ready = ss.reading(ctx, p, "assertion.from", p.From, keyring.Source.Read)
	client.Use.Subject = ss.reading(ctx, p, "subject_token", p.Subject, keyring.Source.Read)
	client.Use.Given = ss.reading(ctx, p, "token", p.Token, keyring.Source.ReadKey)
	client.Use.Fresh = len(p.Token) > 0 && p.Token[0] == "command"
	return client, nil
}

// certified is connection with the profile's client certificate, if it has one, in place
// of cert.
func (ss *Servers) certified(ctx context.Context, p *config.Profile, cert tls.Certificate) (client *http.Client, err error) {
	if p.ClientCert != nil {
		if cert, err = ss.clientCert(ctx, p); err != nil {
			return nil, failure.About(p.Name, protocol.Policy("client_cert: "+err.Error()), "name the file with the key and its certificate: credhelper edit "+p.Name)
		}
	}
	return ss.connection(p, cert)
}

// tries returns a function that explains each request for a token.
func (ss *Servers) tries(p *config.Profile) func(step string, took time.Duration, n int) {
	return func(step string, took time.Duration, n int) {
		if step == "wait" {
			ss.config.Explain(fmt.Sprintf("profile %s: waits %d ms", p.Name, took.Milliseconds()))
			return
		}
		ss.config.Explain(fmt.Sprintf("profile %s: try %d: %s, after %d ms", p.Name, n, step, took.Milliseconds()))
	}
}

// ExplainClock explains the difference of the clocks.
func (ss *Servers) ExplainClock(p *config.Profile, token *oauth.Token) {
	text := "the server's clock agrees with ours, or it sent no Date"
	if token.Skew != 0 {
		text = "the server's clock less ours: " + token.Skew.String()
	}
	ss.config.Explain("profile " + p.Name + ": " + text + "; the token's end is counted by ours, from the request on")
}

// clientCert reads the certificate that the connection presents in addition to the
// client authentication, for gateways.
func (ss *Servers) clientCert(ctx context.Context, p *config.Profile) (none tls.Certificate, err error) {
	source, err := ss.Source(p, p.ClientCert)
	if err != nil {
		return none, err
	}
	content, err := source.ReadKey(ctx)
	if err != nil {
		return none, err
	}
	key, err := oauth.ReadKey([]byte(content.Reveal()), secret.Text{})
	if err != nil {
		return none, err
	}
	if err := key.Valid(ss.config.Now()); err != nil {
		return none, err
	}
	return key.TLS()
}

// reading returns a function that reads the source in a key of the profile; nil if
// there is none.
func (ss *Servers) reading(ctx context.Context, p *config.Profile, member string, words []string,
	read func(keyring.Source, context.Context) (secret.Text, error)) func() (secret.Text, error) {
	if words == nil {
		return nil
	}
	return func() (secret.Text, error) {
		source, err := ss.Source(p, words)
		if err != nil {
			return secret.Text{}, sourceProblem(member, words, err)
		}
		s, err := read(source, ctx)
		if err != nil {
			return secret.Text{}, sourceProblem(member, words, err)
		}
		return s, nil
	}
}

// sourceProblem explains in our own words why a source supplied nothing, because
// package oauth shows no others. The meaning of the failure is the source's.
func sourceProblem(member string, words []string, err error) error {
	cure := member + " says where it comes from: credhelper edit {profile}"
	if words[0] == "env" && errors.Is(err, keyring.ErrNotFound) {
		cure = "set " + words[1] + " for the program that calls credhelper; " + cure
	}
	meaning := failure.KindOf(err)
	if e := new(protocol.Error); errors.As(err, &e) {
		cure = cmp.Or(e.Hint, cure)
	} else if meaning == protocol.ErrNoSecret {
		meaning = protocol.ErrPolicy // no server said that it is missing: the profile may name the wrong place
	}
	return &oauth.Error{Kind: oauth.Policy, Reason: printable.Line(member + ": " + err.Error()), Cure: printable.Line(cure), Meaning: meaning}
}

// key reads the client's private key and its certificate.
func (ss *Servers) key(ctx context.Context, p *config.Profile, s secret.Text) (*oauth.Key, error) {
	if p.Key != nil {
		source, err := ss.Source(p, p.Key)
		if err == nil {
			s, err = source.ReadKey(ctx)
		}
		if err != nil {
			return nil, failure.Keyring(p, err)
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
	content, err := configfile.Read(p.Cert, largest)
	if err != nil {
		return nil, failure.About(p.Name, err, "")
	}
	if key, err = key.WithCertificates(content); err != nil {
		return nil, keyProblem(p, err)
	}
	return key, nil
}

func keyProblem(p *config.Profile, err error) error {
	return failure.About(p.Name, protocol.Policy(err.Error()), "store the right key: credhelper rotate "+p.Name+" --key-file FILE")
}

// ErrEncrypted is what ReadKeyFile fails with where it needs a password and has none.
var ErrEncrypted = protocol.Policy(oauth.ErrEncrypted.Error())

// ReadKeyFile parses a private key file and returns the form that the keyring stores:
// PEM, with its certificates, unencrypted. password is for an encrypted one.
func ReadKeyFile(content []byte, password secret.Text) (secret.Text, error) {
	key, err := oauth.ReadKey(content, password)
	if errors.Is(err, oauth.ErrEncrypted) {
		return secret.Text{}, ErrEncrypted
	}
	if err != nil {
		return secret.Text{}, protocol.Policy(err.Error())
	}
	return key.PEM()
}
