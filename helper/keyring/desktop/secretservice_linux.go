package desktop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	library "github.com/99designs/keyring"
	"github.com/godbus/dbus"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// secretService stores secrets in the default collection of the Secret Service,
// https://specifications.freedesktop.org/secret-service (API 0.2). It does not use the
// library's own implementation, which requires a collection with a certain name that
// KWallet and KeePassXC do not have, unlocks locked collections, which prompts, and can
// wait for a prompt forever.
//
// Items have the library's format, so that those of earlier releases are found: the key
// is the label and the attribute "profile", the secret is the JSON of a library.Item.
//
// Each call is a separate client, as the next process will be: a service may show a
// client its own items, and prompt before it shows them to another (KeePassXC). This
// must be noticed when a secret is stored, not when it is needed.
type secretService struct{}

// itemKey is the attribute of our items that holds the key.
const itemKey = "profile"

func (s secretService) Get(ctx context.Context, key string) (secret.Text, error) {
	if err := keyring.CheckKey(key); err != nil {
		return secret.Text{}, err
	}
	var value secret.Text
	err := s.with(ctx, func(c *secretClient) (err error) {
		value, err = c.get(key)
		return err
	})
	return value, err
}

// Set changes an item in place, so that nothing is asked where making one is.
func (s secretService) Set(ctx context.Context, key string, value secret.Text) error {
	if err := keyring.CheckSet(key, value); err != nil {
		return err
	}
	item, err := json.Marshal(library.Item{Key: key, Data: []byte(value.Reveal()), Label: key, Description: "credhelper"})
	if err != nil {
		return err
	}
	return s.with(ctx, func(c *secretClient) error {
		items, err := c.items(key)
		if err != nil {
			return err
		}
		if len(items) > 0 {
			return c.write(items[0], item)
		}
		err = c.create(key, item)
		if err == nil {
			err = askService(ctx, func(other *secretClient) error {
				_, err := other.get(key)
				return err
			})
		}
		if err != nil {
			c.discard(key)
		}
		return err
	})
}

func (s secretService) Delete(ctx context.Context, key string) error {
	if err := keyring.CheckKey(key); err != nil {
		return err
	}
	return s.with(ctx, func(c *secretClient) error {
		items, err := c.items(key)
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := c.remove(item); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s secretService) Names(ctx context.Context) (names []string, err error) {
	err = s.with(ctx, func(c *secretClient) error {
		if err := c.unlocked(); err != nil {
			return err
		}
		names, err = c.names()
		return err
	})
	return ownNames(names), err
}

// with is askService with the name of the backend.
func (secretService) with(ctx context.Context, do func(*secretClient) error) error {
	return named(askService(ctx, do))
}

// secretServiceReady is nil if the default collection is there and unlocked.
func secretServiceReady(ctx context.Context) error {
	return askService(ctx, func(c *secretClient) error { return c.unlocked() })
}

// askService makes a client for one call, and says what its errors mean.
func askService(ctx context.Context, ask func(*secretClient) error) error {
	c, err := newSecretClient(ctx)
	if err != nil {
		return fmt.Errorf("%w: no session bus of this user answers", keyring.ErrUnavailable)
	}
	defer c.close()
	return serviceError(ctx, ask(c))
}

// serviceError translates an error of the bus or of the service for users of a keyring.
func serviceError(ctx context.Context, err error) error {
	var refusal dbus.Error
	switch {
	case err == nil, hasMeaning(err):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: the Secret Service does not answer", keyring.ErrUnavailable)
	case !errors.As(err, &refusal):
		return fmt.Errorf("%w: %s", keyring.ErrUnavailable, printable.Value(err.Error()))
	case slices.Contains(nobodyThere[:], refusal.Name):
		return fmt.Errorf("%w: no Secret Service on this session bus", keyring.ErrUnavailable)
	case refusal.Name == "org.freedesktop.Secret.Error.IsLocked":
		return fmt.Errorf("%w: the desktop's keyring was locked just now", keyring.ErrLocked)
	}
	return fmt.Errorf("%w: the Secret Service says %s", keyring.ErrUnavailable, printable.Value(refusal.Name+": "+refusal.Error()))
}

// nobodyThere are the bus's own errors for a service that it cannot reach.
var nobodyThere = [...]string{
	"org.freedesktop.DBus.Error.ServiceUnknown",
	"org.freedesktop.DBus.Error.NameHasNoOwner",
	"org.freedesktop.DBus.Error.NoReply",
	"org.freedesktop.DBus.Error.TimedOut",
	"org.freedesktop.DBus.Error.Spawn.ExecFailed",
	"org.freedesktop.DBus.Error.Spawn.ChildExited",
	"org.freedesktop.DBus.Error.Spawn.ChildSignaled",
	"org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
	"org.freedesktop.DBus.Error.Spawn.ServiceNotValid",
	"org.freedesktop.DBus.Error.Spawn.FailedToSetup",
}
