package main

import (
	"errors"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// readProof reads the credential of a profile's client: a private key for clients that
// sign, else a secret.
func (s *session) readProof(p *config.Profile, first func() error) (secret.Text, error) {
	switch {
	case s.secret.key != "" && !p.SecretIsKey():
		return secret.Text{}, protocol.Malformed("--key-file: the profile proves itself with " + p.ClientAuth + ", not with a private key")
	case s.secret.key != "":
		return s.readKeyFile(s.secret.key)
	case !p.SecretIsKey():
		text, err := s.readSecret(secretQuestion(p), first)
		if err != nil {
			return secret.Text{}, err
		}
		return s.checkEnds(text)
	}
	raw, given, err := s.secretBytes()
	if err != nil {
		return secret.Text{}, err
	}
	if !given {
		return secret.Text{}, &protocol.Error{Kind: protocol.ErrMalformed, Text: "the profile needs a private key, which cannot be typed",
			Hint: "give its file: --key-file FILE (PEM, PKCS#12, or a service account's JSON)"}
	}
	defer clear(raw)
	return server.ReadKeyFile(raw, secret.Text{})
}

// noteShared reports that other users can read a file that contains a secret.
func (s *session) noteShared(flag, path string) {
	source := config.Source{Key: flag, Words: []string{"file", path}, Secret: true}
	if shared := source.ReadableByOthers(); shared != "" && !s.tool {
		s.say("Note: " + shared)
	}
}

// readKeyFile reads a private key, and asks for its password if there is one. The
// keyring stores it without a password: it is encrypted there, and a tool's call could
// not ask for one.
func (s *session) readKeyFile(path string) (secret.Text, error) {
	f, err := openSecretFile("--key-file", path)
	if err != nil {
		return secret.Text{}, err
	}
	defer f.Close()
	raw, err := readLimited(f, path)
	if err != nil {
		return secret.Text{}, err
	}
	defer clear(raw)
	key, err := server.ReadKeyFile(raw, secret.Text{})
	if err == nil {
		s.noteShared("--key-file", path)
	}
	if !errors.Is(err, server.ErrEncrypted) {
		return key, err
	}
	password, err := s.askSecret("Password of " + printable.Line(path) + ", not shown")
	if errors.Is(err, terminal.ErrNone) {
		return secret.Text{}, &protocol.Error{Kind: protocol.ErrMalformed, Text: "the key is encrypted, and there is no terminal to ask for its password",
			Hint: "decrypt it into a file that only you can read: openssl pkcs8 -in FILE -out PLAIN"}
	}
	if err != nil {
		return secret.Text{}, err
	}
	return server.ReadKeyFile(raw, password)
}

// secretQuestion returns the prompt for the secret of a product's client.
func secretQuestion(p *config.Profile) string {
	of := p.Title
	if of == "" {
		of = p.Name
	}
	return "Client secret of " + printable.Line(p.ClientID) + " (" + printable.Line(of) + "), not shown"
}
