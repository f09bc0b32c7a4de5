package main

import (
	"context"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// usePlugin makes a plugin of age open the file keyring, and chooses that keyring.
func (s *session) usePlugin(ctx context.Context, name, named string, leave bool) error {
	if name != fileKeyring {
		return protocol.Malformed("--identity goes with: credhelper keyring use " + fileKeyring)
	}
	plugin, err := keyring.FindPlugin(named, s.env("PATH"))
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if err := s.createHome(); err != nil {
		return err
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if err := s.unlockFirst(ctx, file, true); err != nil {
		return err
	}
	if err := file.UsePlugin(ctx, plugin, s.person()); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	_ = file.Lock(ctx) // what unlock left in the kernel is not needed any more
	return s.useKeyring(ctx, name, false, leave)
}

// person lets a plugin ask the person at the terminal; nil if there is none.
func (s *session) person() *keyring.Person {
	if !s.interactive() {
		return nil
	}
	return &keyring.Person{
		Tell: func(message string) { s.say(printable.Line(message)) },
		Ask:  func(prompt string) (secret.Text, error) { return s.askSecret(printable.Value(prompt)) },
	}
}
