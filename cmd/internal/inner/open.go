package inner

import (
	"context"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/protocol"
)

// Dirs returns the directories of the home that the environment names.
func Dirs(environ []string) (cache.Dirs, error) {
	d, err := cache.FindDirs(cache.Variables(environ), process.UserID())
	if err != nil {
		return d, protocol.Policy(err.Error())
	}
	return d, nil
}

// Config returns the configuration of a helper that opens the keyring named in the
// settings.
func Config(environ []string, now func() time.Time) (helper.Config, error) {
	c, err := helper.FromEnvironment(environ, process.UserID())
	if err != nil {
		return c, err
	}
	c.Now = now
	c.Keyring = func(ctx context.Context, settings config.Settings) (keyring.Keyring, error) {
		return OpenKeyring(ctx, environ, now, settings)
	}
	return c, nil
}

// keyringTime is the time limit of a keyring for one call (S4).
const keyringTime = 3 * time.Second

// OpenKeyring opens the keyring that the settings name. There is no fallback to another
// one (S2).
func OpenKeyring(ctx context.Context, environ []string, now func() time.Time, settings config.Settings) (keyring.Keyring, error) {
	if settings.Keyring == "" {
		return nil, &protocol.Error{
			Kind: protocol.ErrLocked,
			Text: "no keyring was chosen yet",
			Hint: "choose one: credhelper keyring use file",
		}
	}
	dirs, err := Dirs(environ)
	if err != nil {
		return nil, err
	}
	if backend, _ := keyring.BackendNamed(settings.Keyring); backend.Desktop {
		return desktop.Open(ctx, backend.Name, desktop.Config{State: dirs.State, Now: now, Environ: environ})
	}
	file, err := helper.OpenFile(ctx, dirs, cache.Variables(environ))
	if err != nil {
		return nil, err
	}
	return keyring.WithDeadline(file, keyringTime), nil
}
