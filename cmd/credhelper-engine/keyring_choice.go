package main

import (
	"context"
	"errors"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/protocol"
)

// keyringChoice is the keyring that a first secret goes to.
type keyringChoice struct {
	name  string
	fresh bool // chosen by this call, not written yet
	said  bool
}

// chooseKeyring chooses a keyring if none was chosen yet: a Secret Service that
// answers, else the encrypted file. Nothing is written before there is a secret to
// store, but a keyring that does not accept one is reported before a person types it.
func (s *session) chooseKeyring(ctx context.Context, h *helper.Helper) (*keyringChoice, error) {
	settings, err := h.Settings()
	if err == nil && settings.Keyring == fileKeyring {
		if _, err := s.fileOpener(ctx); errors.Is(err, keyring.ErrKeyGone) {
			return nil, keyringTrouble(fileKeyring, err)
		}
	}
	if err != nil || settings.Keyring != "" {
		return &keyringChoice{name: settings.Keyring}, err
	}
	if err := s.homeIsOurs(); err != nil {
		return nil, err
	}
	switch err := desktop.SecretServiceAnswers(ctx); {
	case err == nil:
		return &keyringChoice{name: "secret-service", fresh: true}, nil
	case errors.Is(err, keyring.ErrLocked):
		// It exists, but a person would have to unlock it: the choice is theirs.
		return nil, &protocol.Error{
			Kind: protocol.ErrLocked,
			Text: "your desktop's keyring is locked",
			Hint: "unlock it, or keep secrets elsewhere: credhelper keyring use file",
		}
	}
	return &keyringChoice{name: fileKeyring, fresh: true}, nil
}

// announce reports the choice, once.
func (k *keyringChoice) announce(s *session) {
	if !k.fresh || k.said {
		return
	}
	k.said = true
	if k.name != fileKeyring {
		s.say("Keyring: your desktop's keyring answers, so secrets go there (Secret Service).")
		return
	}
	s.say("Keyring: no desktop keyring answers here, so secrets go into an encrypted file (age).")
	s.say("         Opened by a key file only you can read. Set a passphrase any time: credhelper keyring passphrase")
}

// ready reports the choice, and fails if the secret of p could not be stored there, so
// that no one types a secret which is then lost.
func (k *keyringChoice) ready(ctx context.Context, s *session, h *helper.Helper, p *config.Profile) error {
	k.announce(s)
	if k.fresh {
		return nil
	}
	return h.CanStore(ctx, p)
}

// store prepares the keyring, writes the choice and stores the secret. If this fails, a
// choice made by this call is undone.
func (k *keyringChoice) store(ctx context.Context, s *session, h *helper.Helper, store func() error) error {
	if !k.fresh {
		return store()
	}
	if err := s.prepareKeyring(ctx, k.name); err != nil {
		return keyringTrouble(k.name, err)
	}
	undo, err := h.FirstKeyring(k.name)
	if err != nil {
		return err
	}
	k.announce(s)
	if err := store(); err != nil {
		_ = undo() // report the first error
		return err
	}
	return nil
}
