package desktop

import (
	"context"
	"errors"
	"fmt"

	"github.com/danieljoos/wincred"
	"golang.org/x/sys/windows"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Default is the keyring that comes with a person's session: add chooses it if
// DefaultAnswers.
const Default = "wincred"

// DefaultAnswers is nil if this logon session has credentials, within Limit. It never
// prompts.
func DefaultAnswers(ctx context.Context) error {
	_, err := keyring.WithDeadline(credentials{}, Limit).Names(ctx)
	return err
}

func openWinCred(Config) (keyring.Keyring, error) { return credentials{}, nil }

// credentials is the keyring of Windows' Credential Manager: a generic credential for
// each secret, for this user on this machine (CRED_PERSIST_LOCAL_MACHINE), which Windows
// encrypts. Every program of the user can read it. 99designs/keyring is not used here: it
// takes a list that fails for an empty one.
type credentials struct{}

func (credentials) Get(_ context.Context, key string) (secret.Text, error) {
	if err := keyring.CheckKey(key); err != nil {
		return secret.Text{}, ofCredentials(err)
	}
	found, err := wincred.GetGenericCredential(key)
	if err != nil {
		return secret.Text{}, ofCredentials(err)
	}
	defer clear(found.CredentialBlob)
	if len(found.CredentialBlob) == 0 {
		return secret.Text{}, ofCredentials(fmt.Errorf("%w: what is stored under this key was not written by credhelper", keyring.ErrDamaged))
	}
	return secret.New(string(found.CredentialBlob)), nil
}

func (credentials) Set(_ context.Context, key string, value secret.Text) error {
	if err := keyring.CheckSet(key, value); err != nil {
		return ofCredentials(err)
	}
	c := wincred.NewGenericCredential(key)
	c.UserName, c.Comment, c.CredentialBlob = "credhelper", "stored by credhelper", []byte(value.Reveal())
	defer clear(c.CredentialBlob)
	return ofCredentials(c.Write())
}

func (credentials) Delete(_ context.Context, key string) error {
	if err := keyring.CheckKey(key); err != nil {
		return ofCredentials(err)
	}
	err := wincred.NewGenericCredential(key).Delete()
	if errors.Is(err, wincred.ErrElementNotFound) {
		return nil
	}
	return ofCredentials(err)
}

func (credentials) Names(context.Context) ([]string, error) {
	list, err := wincred.FilteredList(keyring.Prefix + "*")
	if err != nil {
		return nil, ofCredentials(err)
	}
	names := make([]string, 0, len(list))
	for _, c := range list {
		clear(c.CredentialBlob)
		names = append(names, c.TargetName)
	}
	return ownNames(names), nil
}

// ofCredentials translates an error of Windows, whose own text is in the language of the
// user.
func ofCredentials(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, wincred.ErrElementNotFound):
		err = keyring.ErrNotFound
	case errors.Is(err, windows.ERROR_NO_SUCH_LOGON_SESSION):
		err = fmt.Errorf("%w: this logon session has no credentials, as over ssh with a key, or in a task that runs without a password", keyring.ErrUnavailable)
	case !hasMeaning(err):
		err = fmt.Errorf("%w: %s", keyring.ErrUnavailable, printable.Value(err.Error()))
	}
	return &keyring.NamedError{Keyring: Default, Err: err}
}
