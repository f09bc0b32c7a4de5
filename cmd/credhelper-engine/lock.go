package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/keyring"
)

// lockCommand destroys the keys of the keyring and of the sealed tokens.
func (s *session) lockCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "lock",
		Example: "  credhelper lock",
		Short:   "forget the unlocked keyring and the key of all cached tokens",
		GroupID: groupKeep,
		Args:    between(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return s.lock(c.Context()) },
	}
}

func (s *session) lock(ctx context.Context) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if err := file.Lock(ctx); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if err := h.Lock(ctx); err != nil {
		return err
	}
	opener := keyring.OpenedByPlugin // which is not run to find that out
	if !file.HasPlugin() {
		opener, _ = file.Opener(ctx)
	}
	switch opener {
	case keyring.OpenedByKeyFile, keyring.OpenedByPlugin, keyring.OpenedByCredential:
		gone := "Cached tokens are gone. The keyring itself is opened by " + string(opener) + " and has no lock"
		if keyring.StaysUnlocked {
			gone += ": credhelper keyring passphrase sets one"
		}
		s.say(gone + ".")
	case keyring.OpenedByNothing:
		s.say("Cached tokens are gone. There is no encrypted keyring here that could be locked.")
	default:
		s.say("Locked: the keyring, and every cached token.")
	}
	return nil
}
