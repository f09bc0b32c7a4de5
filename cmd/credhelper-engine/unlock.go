package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
)

// unlockCommand unlocks the encrypted file keyring for some time.
func (s *session) unlockCommand() *cobra.Command {
	var life string
	c := &cobra.Command{
		Use:         "unlock [--for TIME]",
		Example:     "  credhelper unlock --for 1h",
		Short:       "open the encrypted file keyring with its passphrase, for up to 8 hours",
		Long:        "Opens the encrypted file keyring with its passphrase, for up to 8 hours. It is asked\nfor on the terminal, or read with --secret-stdin or --secret-file.",
		GroupID:     groupKeep,
		Args:        between(0, 0),
		Annotations: patient,
		RunE: func(c *cobra.Command, _ []string) error {
			keep, err := seconds(life)
			if err != nil || keep <= 0 || keep > keyring.MaxUnlocked {
				return protocol.Malformed("--for can be 8h at most")
			}
			return s.unlock(c.Context(), keep)
		},
	}
	c.Flags().StringVar(&life, "for", "8h", "how long it stays open")
	return c
}

func (s *session) unlock(ctx context.Context, keep time.Duration) error {
	inUse, err := s.keyringInUse()
	if err != nil {
		return err
	}
	if inUse == "" {
		s.say("Nothing to unlock: no keyring has been chosen yet.")
		return nil
	}
	if inUse != fileKeyring {
		return protocol.Policy("the keyring in use is " + inUse + "; credhelper does not unlock it")
	}
	if err := s.createHome(); err != nil {
		return err
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if file.HasPlugin() {
		if !keyring.StaysUnlocked {
			return neverOpen("choose a plugin that asks nobody, or: credhelper keyring use file")
		}
		if err := file.UnlockByPlugin(ctx, s.person(), keep); err != nil {
			return keyringTrouble(fileKeyring, err)
		}
		s.say("The plugin opened the keyring for " + failure.Span(keep) + ". Close it earlier with: credhelper lock")
		return nil
	}
	opener, err := file.Opener(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	switch opener {
	case keyring.OpenedByKeyFile, keyring.OpenedByCredential:
		s.say("Nothing to unlock: the keyring is opened by " + string(opener) + ".")
		return nil
	case keyring.OpenedByNothing:
		s.say("Nothing to unlock: nothing was stored yet.")
		return nil
	}
	if !keyring.StaysUnlocked {
		return neverOpen("open it by a key file: credhelper keyring passphrase --key-file")
	}
	passphrase, err := s.readSecret("Passphrase of the keyring", nil)
	if err != nil {
		return err
	}
	if err := file.Unlock(ctx, passphrase, keep); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	s.say("The keyring is open for " + failure.Span(keep) + ". Close it earlier with: credhelper lock")
	return nil
}

// neverOpen refuses what is of use only to a keyring that stays unlocked.
func neverOpen(hint string) error {
	return &protocol.Error{
		Kind: protocol.ErrPolicy,
		Text: "an unlocked keyring would be locked again at once: this system has no kernel keyring, where its key could wait",
		Hint: hint,
	}
}
