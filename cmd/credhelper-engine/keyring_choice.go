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
	name    string
	fresh   bool // chosen by this call, not written yet
	keyless bool // an encrypted file that was chosen by hand and has neither key nor secrets
	said    bool
}

// chooseKeyring chooses a keyring if none was chosen yet: the session's if it answers,
// else the encrypted file. Nothing is written before there is a secret to
// store, but a keyring that does not accept one is reported before a person types it.
func (s *session) chooseKeyring(ctx context.Context, h *helper.Helper) (*keyringChoice, error) {
	settings, err := h.Settings()
	if err == nil && settings.Keyring == fileKeyring {
		opener, err := s.fileOpener(ctx)
		switch {
		case errors.Is(err, keyring.ErrKeyGone):
			return nil, keyringTrouble(fileKeyring, err)
		case err == nil && opener == keyring.OpenedByNothing:
			return &keyringChoice{name: fileKeyring, keyless: true}, nil
		}
	}
	if err != nil || settings.Keyring != "" {
		return &keyringChoice{name: settings.Keyring}, err
	}
	if err := s.homeIsOurs(); err != nil {
		return nil, err
	}
	switch err := desktop.DefaultAnswers(ctx); {
	case err == nil:
		return &keyringChoice{name: desktop.Default, fresh: true}, nil
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
	if !k.fresh && !k.keyless || k.said {
		return
	}
	k.said = true
	session, _ := keyring.BackendNamed(desktop.Default)
	switch {
	case k.name != fileKeyring:
		s.say("Keyring: the " + session.Title + " answers, so secrets go there.")
		return
	case k.keyless:
		s.say("Keyring: config.toml chooses the encrypted file (age), which gets its key now.")
	default:
		s.say("Keyring: no " + session.Title + " answers here, so secrets go into an encrypted file (age).")
	}
	opened := "         Opened by a key file only you can read."
	if keyring.StaysUnlocked {
		opened += " Set a passphrase any time: credhelper keyring passphrase"
	}
	s.say(opened)
}

// ready reports the choice, and fails if the secret of p could not be stored there, so
// that no one types a secret which is then lost.
func (k *keyringChoice) ready(ctx context.Context, s *session, h *helper.Helper, p *config.Profile) error {
	k.announce(s)
	return k.accepts(ctx, h, p)
}

// accepts fails if the secret of p could not be stored there.
func (k *keyringChoice) accepts(ctx context.Context, h *helper.Helper, p *config.Profile) error {
	if k.fresh || k.keyless {
		return nil
	}
	return h.CanStore(ctx, p)
}

// store prepares the keyring, writes the choice and stores the secret. If this fails, a
// choice made by this call is undone.
func (k *keyringChoice) store(ctx context.Context, s *session, h *helper.Helper, store func() error) error {
	if k.fresh || k.keyless {
		if err := s.prepareKeyring(ctx, k.name); err != nil {
			return keyringTrouble(k.name, err)
		}
	}
	if !k.fresh {
		k.announce(s)
		return store()
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
