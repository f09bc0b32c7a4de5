package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

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
				return usage(c, args...)
			}
			return s.whichKeyring(c.Context())
		},
	}
	var volatile, leave bool
	var identity string
	use := &cobra.Command{
		Use:               "use BACKEND",
		Example:           "  credhelper keyring use file",
		Short:             "keep secrets in " + strings.Join(keyring.BackendNames(), ", ") + "; those stored so far are moved",
		Args:              between(1, 1),
		ValidArgsFunction: cobra.FixedCompletions(append(keyring.BackendNames(), kwallet), cobra.ShellCompDirectiveNoFileComp),
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
		Long:        "Sets or changes the passphrase of the encrypted file keyring. The new one is asked for\non the terminal, or read with --secret-stdin or --secret-file.",
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
	s.say("To keep secrets elsewhere: credhelper keyring use " + strings.Join(keyring.BackendNames(), " | "))
	return nil
}

// kwallet is another name for the Secret Service, if KWallet provides it.
const kwallet = "kwallet"

func (s *session) useKeyring(ctx context.Context, name string, volatile, leave bool) error {
	if name == kwallet {
		if err := desktop.KWalletAnswers(ctx); err != nil {
			return otherKeyringTrouble(kwallet, "", err)
		}
		name = "secret-service"
	}
	backend, known := keyring.BackendNamed(name)
	if !known {
		return &protocol.Error{Kind: protocol.ErrMalformed,
			Text: "no keyring backend " + printable.Value(name) + "; there are " + strings.Join(keyring.BackendNames(), ", "),
			Hint: didYouMean(name, keyring.BackendNames())}
	}
	if backend.Volatile && !volatile {
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: "keyring " + name + " forgets its secrets when the machine stops",
			Hint: "if that is wanted: credhelper keyring use " + name + " --volatile",
		}
	}
	before, err := s.keyringInUse()
	if err != nil {
		return err
	}
	h, err := s.open()
	if err != nil {
		return err
	}
	if err := s.prepareKeyring(ctx, name); err != nil {
		return otherKeyringTrouble(name, before, err)
	}
	if leave {
		if err := h.UseKeyring(name); err != nil {
			return err
		}
		s.say("Keyring: " + s.describeKeyring(ctx, name) + ". What is stored in " + before + " stays there.")
		return nil
	}
	moved, err := h.MoveSecrets(ctx, name)
	if err != nil {
		e := &protocol.Error{
			Kind: failure.KindOf(keyringTrouble(before, err)),
			Text: err.Error() + " (nothing was changed)",
			Hint: "to leave its secrets where they are: credhelper keyring use " + name + " --leave-secrets",
		}
		if errors.Is(err, keyring.ErrUnlock) {
			e.Hint = "unlock it: credhelper unlock; " + e.Hint
		}
		return e
	}
	s.say("Keyring: " + s.describeKeyring(ctx, name) + ".")
	if len(moved) > 0 {
		s.say("Moved from " + before + ": the secrets of " + strings.Join(moved, ", ") + ".")
	}
	return nil
}
