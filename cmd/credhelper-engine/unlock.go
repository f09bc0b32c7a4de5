package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// setPassphrase asks twice, because a typing error could not be found later.
func (s *session) setPassphrase(ctx context.Context, keyFile bool) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	if settings.Keyring != fileKeyring {
		return policy("the keyring in use is " + orNone(settings.Keyring) + ", which has no passphrase that credhelper can set")
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if err := s.unlockFirst(ctx, file); err != nil {
		return err
	}
	if keyFile {
		if err := file.UseKeyFile(ctx); err != nil {
			return keyringTrouble(fileKeyring, err)
		}
		_ = file.Lock(ctx) // what unlock left in the kernel is no longer needed
		s.say("The keyring is now opened by a key file that only you can read: " + s.keyFilePath())
		return nil
	}
	passphrase, err := s.newPassphrase()
	if err != nil {
		return err
	}
	if err := file.UsePassphrase(ctx, passphrase); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	_ = file.Lock(ctx)
	s.say("The passphrase is set. Unlock the keyring for up to 8 hours with: credhelper unlock")
	return nil
}

func (s *session) keyFilePath() string {
	dirs, err := s.dirs()
	if err != nil {
		return ""
	}
	return dirs.KeyFile()
}

// unlockFirst unlocks a keyring for this process only.
func (s *session) unlockFirst(ctx context.Context, file *keyring.File) error {
	opener, err := file.Opener(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if opener != keyring.OpenedByPassphrase {
		return nil
	}
	if s.secret.stdin || s.secret.file != "" {
		return &protocol.Error{Kind: protocol.ErrLocked, Text: "the keyring is locked", Hint: "unlock it first: credhelper unlock"}
	}
	passphrase, err := s.askSecret("Passphrase of the keyring, as it is now")
	if err != nil {
		return err
	}
	if err := file.Unlock(ctx, passphrase, 0); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	return nil
}

func (s *session) newPassphrase() (secret.Text, error) {
	if s.secret.stdin || s.secret.file != "" {
		return s.readSecret("", nil)
	}
	first, err := s.askSecret("New passphrase")
	if err != nil {
		return secret.Text{}, err
	}
	second, err := s.askSecret("The same again")
	if err != nil {
		return secret.Text{}, err
	}
	if !first.Equal(second) {
		return secret.Text{}, malformed("the two are not the same; nothing was changed")
	}
	return first, nil
}

// unlockCommand unlocks the encrypted file keyring for some time.
func (s *session) unlockCommand() *cobra.Command {
	var life string
	c := &cobra.Command{
		Use:         "unlock [--for TIME]",
		Example:     "  credhelper unlock --for 1h",
		Short:       "open the encrypted file keyring with its passphrase, for up to 8 hours",
		GroupID:     groupKeep,
		Args:        between(0, 0),
		Annotations: patient,
		RunE: func(c *cobra.Command, _ []string) error {
			keep, err := seconds(life)
			if err != nil || keep <= 0 || keep > keyring.MaxUnlocked {
				return malformed("--for wants at most 8h")
			}
			return s.unlock(c.Context(), keep)
		},
	}
	c.Flags().StringVar(&life, "for", "8h", "how long it stays open")
	return c
}

func (s *session) unlock(ctx context.Context, keep time.Duration) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	if settings.Keyring != fileKeyring {
		return policy("the keyring in use is " + orNone(settings.Keyring) + "; it is not unlocked by credhelper")
	}
	if err := s.createHome(); err != nil {
		return err
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if file.HasPlugin() {
		if err := file.UnlockByPlugin(ctx, s.person(), keep); err != nil {
			return keyringTrouble(fileKeyring, err)
		}
		s.say("The plugin opened the keyring, which is open for " + failure.Span(keep) + ". Close it earlier with: credhelper lock")
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
		s.say("Cached tokens are gone. The keyring itself is opened by " + string(opener) + " and has no lock: credhelper keyring passphrase sets one.")
	case keyring.OpenedByNothing:
		s.say("Cached tokens are gone. There is no encrypted keyring here that could be locked.")
	default:
		s.say("Locked: the keyring, and every cached token.")
	}
	return nil
}
