package server

import (
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Source reads what words name, of a member of the profile.
func (ss *Servers) Source(p *config.Profile, words []string) (keyring.Source, error) {
	return keyring.NewSource(words, ss.surroundings(p))
}

// surroundings returns what a source of the profile may use of the process.
func (ss *Servers) surroundings(p *config.Profile) keyring.Surroundings {
	around := keyring.Surroundings{
		Lookup: func(name string) (string, bool) {
			value := ss.config.Env(name)
			return value, value != ""
		},
		Environ:     ss.config.Environ,
		Names:       p.SecretEnvironment,
		Credentials: ss.config.Env("CREDENTIALS_DIRECTORY"),
	}
	if ss.config.CommandSaid != nil {
		around.Failed = func(stdout, stderr secret.Text) {
			if line := ss.complaint(stdout, stderr); line != "" {
				ss.config.CommandSaid(line)
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
