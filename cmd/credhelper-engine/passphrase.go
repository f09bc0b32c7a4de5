package main

import (
	"context"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// setPassphrase asks twice, because a typing error could not be found later.
func (s *session) setPassphrase(ctx context.Context, keyFile bool) error {
	inUse, err := s.keyringInUse()
	if err != nil {
		return err
	}
	if inUse != fileKeyring {
		return protocol.Policy("the keyring in use is " + orNone(inUse) + ", which has no passphrase that credhelper can set")
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if !keyFile && !keyring.StaysUnlocked {
		return neverOpen("keep the key file, which only you can read")
	}
	if err := s.unlockFirst(ctx, file, keyFile); err != nil {
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

// unlockFirst unlocks a keyring for this process only. Where no new passphrase follows,
// --secret-stdin and --secret-file have the present one.
func (s *session) unlockFirst(ctx context.Context, file *keyring.File, only bool) error {
	opener, err := file.Opener(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if opener != keyring.OpenedByPassphrase {
		return nil
	}
	if !only && (s.secret.stdin || s.secret.file != "") {
		return &protocol.Error{Kind: protocol.ErrLocked, Text: "the keyring is locked", Hint: "unlock it first: credhelper unlock"}
	}
	passphrase, err := s.readSecret("Passphrase of the keyring, as it is now", nil)
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
		return secret.Text{}, protocol.Malformed("the two differ; nothing was changed")
	}
	return first, nil
}
