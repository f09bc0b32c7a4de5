package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// keyringCommand chooses where secrets are kept.
func (s *session) keyringCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "keyring [use BACKEND | passphrase]",
		Example: "  credhelper keyring\n  credhelper keyring use secret-service",
		Short:   "show or choose where secrets are kept; set the passphrase of the encrypted file",
		GroupID: groupKeep,
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c)
			}
			return s.whichKeyring(c.Context())
		},
	}
	var volatile, leave bool
	var identity string
	use := &cobra.Command{
		Use:               "use BACKEND",
		Example:           "  credhelper keyring use file",
		Short:             "keep secrets in " + strings.Join(backendNames(), ", ") + "; those stored so far are moved",
		Args:              between(1, 1),
		ValidArgsFunction: cobra.FixedCompletions(append(backendNames(), kwallet), cobra.ShellCompDirectiveNoFileComp),
		Annotations:       patient,
		RunE: func(c *cobra.Command, args []string) error {
			if identity != "" {
				return s.usePlugin(c.Context(), args[0], identity, leave)
			}
			return s.useKeyring(c.Context(), args[0], volatile, leave)
		},
	}
	use.Flags().BoolVar(&volatile, "volatile", false, "use a keyring that forgets everything when the machine stops")
	use.Flags().StringVar(&identity, "identity", "", "file only: open it by a plugin of age (age-plugin-NAME, its path, or the path of an identity file)")
	use.Flags().BoolVar(&leave, "leave-secrets", false, "leave the secrets of the present keyring where they are")
	var keyFile bool
	passphrase := &cobra.Command{
		Use:         "passphrase",
		Example:     "  credhelper keyring passphrase\n  credhelper keyring passphrase --key-file",
		Short:       "set or change the passphrase of the encrypted file keyring",
		Args:        between(0, 0),
		Annotations: patient,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.setPassphrase(c.Context(), keyFile)
		},
	}
	passphrase.Flags().BoolVar(&keyFile, "key-file", false, "go back to a key file, which needs no unlocking")
	c.AddCommand(use, passphrase)
	return c
}

// whichKeyring says which keyring is in use, and how to change that.
func (s *session) whichKeyring(ctx context.Context) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	if err := s.sayKeyring(ctx, h); err != nil {
		return err
	}
	s.say("To keep secrets elsewhere: credhelper keyring use " + strings.Join(backendNames(), " | "))
	return nil
}

func backendNames() (names []string) {
	for _, b := range keyring.Backends {
		names = append(names, b.Name)
	}
	return names
}

// kwallet is another name for the Secret Service, if KWallet provides it.
const kwallet = "kwallet"

func (s *session) useKeyring(ctx context.Context, name string, volatile, leave bool) error {
	if name == kwallet {
		if err := desktop.KWalletAnswers(ctx); err != nil {
			return keyringTrouble(kwallet, err)
		}
		name = "secret-service"
	}
	backend, known := keyring.BackendNamed(name)
	if !known {
		return malformed("no keyring backend " + printable.Value(name) + "; there are " + strings.Join(backendNames(), ", "))
	}
	if backend.Volatile && !volatile {
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: "keyring " + name + " forgets its secrets when the machine stops",
			Hint: "if that is wanted: credhelper keyring use " + name + " --volatile",
		}
	}
	h, err := s.open()
	if err != nil {
		return err
	}
	before, err := h.Settings()
	if err != nil {
		return err
	}
	if err := s.prepareKeyring(ctx, name); err != nil {
		return keyringTrouble(name, err)
	}
	if leave {
		if err := h.UseKeyring(name); err != nil {
			return err
		}
		s.say("Keyring: " + s.describeKeyring(ctx, name) + ". What is stored in " + before.Keyring + " stays there.")
		return nil
	}
	moved, err := h.MoveSecrets(ctx, name)
	if err != nil {
		return &protocol.Error{
			Kind: failure.KindOf(keyringTrouble(before.Keyring, err)),
			Text: err.Error() + " (nothing was changed)",
			Hint: "unlock it (credhelper unlock), or leave its secrets where they are: credhelper keyring use " + name + " --leave-secrets",
		}
	}
	s.say("Keyring: " + s.describeKeyring(ctx, name) + ".")
	if len(moved) > 0 {
		s.say("Moved from " + before.Keyring + ": the secrets of " + strings.Join(moved, ", ") + ".")
	}
	return nil
}

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
	var known *protocol.Error
	if errors.As(err, &known) {
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
	case errors.Is(err, keyring.ErrKeyGone):
		hint = "" // the error has better advice
	}
	return &protocol.Error{Kind: kind, Text: text, Hint: hint}
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
