package inner

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/kubernetes"
	"github.com/credhelper/credhelper/helper/pool/redis"
	"github.com/credhelper/credhelper/helper/pool/vault"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
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
	c.Pool = func(c config.Pool, password secret.Text, ask server.Asker) (pool.Store, error) {
		switch c.Kind {
		case config.StoreKubernetes:
			return kubernetes.Open(kubernetes.Config{Pool: c.Name, Secret: c.Path, Now: now, Ask: ask}), nil
		case config.StoreVault:
			return vault.Open(vault.Config{Path: c.Path, Reader: c.Reader, Now: now, Ask: ask}), nil
		}
		return openRedis(c, password)
	}
	c.Host = func() string { name, _ := os.Hostname(); return name }
	return c, nil
}

func openRedis(c config.Pool, password secret.Text) (pool.Store, error) {
	options := redis.Config{Pool: c.Name, Address: c.Address, Password: password, Reader: c.Reader}
	if c.CAFile != "" {
		var err error
		if options.RootsPEM, err = configfile.Read(c.CAFile, 1<<20); err != nil {
			return pool.Store{}, fmt.Errorf("ca_file: %w", err)
		}
	}
	return redis.Open(options)
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
