package main

import (
	"context"
	"errors"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// prepareKeyring checks that a keyring answers, and creates what it needs. A file
// keyring without passphrase and key file gets a generated key file, like an ssh key
// without passphrase.
func (s *session) prepareKeyring(ctx context.Context, name string) error {
	if err := s.createHome(); err != nil {
		return err
	}
	if name == fileKeyring {
		file, err := s.openFile(ctx)
		if err != nil {
			return err
		}
		opener, err := file.Opener(ctx)
		if err != nil || opener != keyring.OpenedByNothing {
			return err
		}
		return file.UseKeyFile(ctx)
	}
	k, err := s.openKeyring(ctx, config.Settings{Keyring: name})
	if err != nil {
		return err
	}
	_, err = k.Names(ctx)
	return err
}

const fileKeyring = "file"

// keyringTrouble explains why the wanted keyring cannot be used.
func keyringTrouble(name string, err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return err
	}
	kind := protocol.ErrLocked
	if errors.Is(err, keyring.ErrUnsafe) || errors.Is(err, keyring.ErrDamaged) || errors.Is(err, keyring.ErrInvalid) {
		kind = protocol.ErrPolicy
	}
	text := err.Error()
	if !errors.As(err, new(*keyring.NamedError)) {
		text = "keyring " + name + ": " + text
	}
	hint := "see what is wrong: credhelper doctor"
	switch {
	case errors.Is(err, keyring.ErrPassphrase):
		hint = "nothing was changed; try again: credhelper unlock"
	case failure.Full(err):
		hint = "make room there"
	case errors.Is(err, keyring.ErrKeyGone):
		hint = "" // the error has better advice
	}
	return &protocol.Error{Kind: kind, Text: text, Hint: hint}
}

// otherKeyringTrouble is keyringTrouble for a keyring that may not be the one in use, which
// is the only one that doctor examines.
func otherKeyringTrouble(name, inUse string, err error) error {
	err = keyringTrouble(name, err)
	if known := new(protocol.Error); errors.As(err, &known) && name != inUse && errors.Is(err, protocol.ErrLocked) {
		known.Hint = "what it needs: credhelper help keyrings"
	}
	return err
}

// describeKeyring describes a keyring and what opens it.
func (s *session) describeKeyring(ctx context.Context, name string) string {
	backend, _ := keyring.BackendNamed(name)
	if name != fileKeyring {
		return backend.Title
	}
	switch opener, err := s.fileOpener(ctx); {
	case errors.Is(err, keyring.ErrKeyGone):
		return backend.Title + ", its key is gone"
	case err != nil:
		return backend.Title + ", " + printable.Line(err.Error())
	case opener == keyring.OpenedByNothing:
		return backend.Title + ", empty"
	default:
		return backend.Title + ", opened by " + string(opener)
	}
}

// fileOpener returns what opens the file keyring, or why nothing can.
func (s *session) fileOpener(ctx context.Context) (keyring.Opener, error) {
	file, err := s.openFile(ctx)
	if err != nil {
		return keyring.OpenedByNothing, err
	}
	return file.Opener(ctx)
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}

// keyringInUse returns the keyring in the settings; "" if none was chosen yet.
func (s *session) keyringInUse() (string, error) {
	h, err := s.open()
	if err != nil {
		return "", err
	}
	settings, err := h.Settings()
	return settings.Keyring, err
}

// keyringState is why the keyring in use, which would have to be opened, is not.
type keyringState uint8

const (
	keyringSilent keyringState = iota // it is locked elsewhere, or does not answer
	keyringLocked                     // by a passphrase, or a plugin that wants a person
	keyringKeyLost
	keyringNone // none was chosen
)

func (s *session) keyringState(ctx context.Context, h *helper.Helper) keyringState {
	settings, err := h.Settings()
	switch {
	case err != nil:
		return keyringSilent
	case settings.Keyring == "":
		return keyringNone
	case settings.Keyring != fileKeyring:
		return keyringSilent
	}
	switch opener, err := s.fileOpener(ctx); {
	case errors.Is(err, keyring.ErrKeyGone):
		return keyringKeyLost
	case opener == keyring.OpenedByPassphrase, opener == keyring.OpenedByPlugin:
		return keyringLocked
	}
	return keyringSilent
}

// word names a state in the table of status.
func (k keyringState) word() string {
	return [...]string{keyringSilent: "not open", keyringLocked: "locked", keyringKeyLost: "key lost", keyringNone: "no keyring"}[k]
}

// advice is what a person types to get at the secret of a profile. Only the encrypted file
// is unlocked by credhelper itself.
func (k keyringState) advice(profile string) string {
	switch k {
	case keyringLocked:
		return "credhelper unlock"
	case keyringNone:
		return "credhelper rotate " + profile
	}
	return "credhelper doctor"
}
