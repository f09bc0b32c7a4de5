package helper

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/retryafter"
)

// FromEnvironment returns the Config for a Go program that imports this package, so
// that it shares profiles, secrets and tokens with the user's other tools:
//
//	config, err := helper.FromEnvironment(os.Environ(), os.Getuid())
//	h := helper.New(config)
//
// Directories, proxies and secrets in variables are those of environ ("NAME=value"). Of
// the keyrings it opens only the encrypted file, which "credhelper unlock" or a key
// file unlocks. A program that needs the desktop's sets Keyring to an opener that calls
// package helper/keyring/desktop, which adds to its start-up time. Errors wrap
// protocol.ErrPolicy: the environment names no home.
func FromEnvironment(environ []string, uid int) (Config, error) {
	env := cache.Variables(environ)
	dirs, err := cache.FindDirs(env, uid)
	if err != nil {
		return Config{}, protocol.Policy(err.Error())
	}
	return Config{
		Dirs:    dirs,
		Now:     time.Now,
		Env:     env,
		Environ: environ,
		HTTP:    oauth.NewHTTPClient,
		Keyring: func(ctx context.Context, settings config.Settings) (keyring.Keyring, error) {
			if backend, _ := keyring.BackendNamed(settings.Keyring); backend.Desktop {
				return nil, &protocol.Error{Kind: protocol.ErrLocked, Text: "this program can only open the file keyring, and the keyring in use is " + printable.Value(settings.Keyring),
					Hint: "let it ask credhelper instead (credhelper help connectors), or move the secrets: credhelper keyring use file"}
			}
			return OpenFile(ctx, dirs, env)
		},
	}, nil
}

// keyringCredential is the name of the systemd credential with the key or passphrase of
// the file keyring (LoadCredential=credhelper-keyring:...).
const keyringCredential = "credhelper-keyring"

// OpenFile opens the encrypted file keyring of a home. Its errors are those of package
// keyring.
func OpenFile(ctx context.Context, dirs cache.Dirs, env func(string) string) (*keyring.File, error) {
	c := keyring.FileConfig{
		Dir:     dirs.Keyring(),
		KeyFile: dirs.KeyFile(),
		Environ: keyring.ChildEnviron(env),
		Now:     time.Now,
		Sleep:   retryafter.Wait,
	}
	if dir := env("CREDENTIALS_DIRECTORY"); filepath.IsAbs(dir) {
		path := filepath.Join(dir, keyringCredential)
		if _, err := os.Lstat(path); err == nil {
			c.Credential = path
		}
	}
	// A home without state, or a read-only one, has no id: then nothing is kept in the
	// kernel.
	if err := dirs.Check(); err != nil {
		return nil, err
	}
	if id, err := dirs.HomeID(ctx); err == nil {
		c.Home = hex.EncodeToString(id[:])
	}
	return keyring.OpenFile(c)
}
