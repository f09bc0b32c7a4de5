package server

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// sourceTime is the time limit of a server that is asked for a secret: as for a command.
const sourceTime = 3 * time.Second

// sourceClient returns a client that asks for a secret, through a profile's way.
func (ss *Servers) sourceClient(way *config.Profile) (*oauth.Client, error) {
	way.Timeout = sourceTime
	connection, err := ss.connection(way, tls.Certificate{})
	return &oauth.Client{HTTP: connection, Now: ss.config.Now, Timeout: sourceTime}, err
}

// ask asks a server for what a source of the profile names.
func (ss *Servers) ask(p *config.Profile) func(ctx context.Context, kind string, words []string) ([]byte, error) {
	return func(ctx context.Context, kind string, words []string) ([]byte, error) {
		if kind == keyring.KindVault {
			return ss.readVault(ctx, p, words[0], words[1])
		}
		return ss.readGitHub(ctx, p, words[0])
	}
}

// unanswered returns the error for a server that could not be asked for a secret.
// It returns errors that are not of package oauth as they are.
func unanswered(err error, profile string) error {
	cause := new(oauth.Error)
	if !errors.As(err, &cause) {
		return err
	}
	e := &protocol.Error{Kind: protocol.ErrLocked, Text: printable.Line(err.Error()), Hint: "is it up? credhelper doctor " + profile}
	switch cause.Kind {
	case oauth.Untrusted:
		e.Kind, e.Hint = protocol.ErrPolicy, "ca_file in config.toml names the authority to trust (credhelper help sources)"
	case oauth.Policy:
		e.Kind, e.Hint = protocol.ErrPolicy, strings.ReplaceAll(cause.Cure, "{profile}", profile)
	}
	return e
}

// Source reads what words name, of a member of the profile.
func (ss *Servers) Source(p *config.Profile, words []string) (keyring.Source, error) {
	return keyring.NewSource(words, ss.surroundings(p, words))
}

// surroundings returns what a source of the profile may use of the process.
func (ss *Servers) surroundings(p *config.Profile, words []string) keyring.Surroundings {
	around := keyring.Surroundings{
		Lookup:      func(name string) (string, bool) { value := ss.config.Env(name); return value, value != "" },
		Environ:     ss.config.Environ,
		Names:       p.SecretEnvironment,
		Credentials: ss.config.Env("CREDENTIALS_DIRECTORY"),
		Ask:         ss.ask(p),
	}
	if ss.config.CommandSaid != nil {
		around.Failed = func(stdout, stderr secret.Text) {
			if line := ss.complaint(stdout, stderr); line != "" {
				ss.config.CommandSaid(printable.Value(strings.Join(words[:min(2, len(words))], " ")), line)
			}
		}
	}
	return around
}

// complaint returns the first line that a failed command wrote to stderr, without its
// stdout and without the variables from which profiles take secrets; "" if there is
// none.
func (ss *Servers) complaint(stdout, stderr secret.Text) string {
	var hidden []secret.Text
	hide := func(value string, least int) {
		if value = strings.TrimSpace(value); len(value) >= least {
			hidden = append(hidden, secret.New(value))
		}
	}
	for line := range strings.Lines(stdout.Reveal()) {
		hide(line, 1)
		for _, word := range strings.Fields(line) { // NAME: SECRET
			hide(word, 4)
		}
	}
	for _, name := range ss.home.SourceVariables() {
		hide(ss.config.Env(name), 1)
	}
	text := oauth.Redact(stderr.Reveal(), hidden...)
	line, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\n")
	return printable.Value(strings.TrimSpace(line))
}
