package desktop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	library "github.com/99designs/keyring"

	"github.com/credhelper/credhelper/helper/keyring"
)

// passFolder is our folder in the password store.
const passFolder = "credhelper"

// openPass: the password store, https://www.passwordstore.org. Its programs
// are found once, by absolute path, and a PATH with a relative folder in it is
// refused, since the shell script that pass is would search it too (T5).
func openPass(config Config) (keyring.Keyring, error) {
	env := environment(config.Environ)
	pass, err := keyring.FindProgram("pass", config.PassProgram, env["PATH"])
	if err != nil {
		return nil, err
	}
	gpg, err := keyring.FindProgram("gpg", config.GPGProgram, env["PATH"])
	if err != nil {
		return nil, err
	}
	store := cmp.Or(env["PASSWORD_STORE_DIR"], filepath.Join(env["HOME"], ".password-store"))
	if !filepath.IsAbs(store) {
		return nil, fmt.Errorf("%w: the password store %q is not an absolute path", keyring.ErrInvalid, store)
	}
	p := passStore{gpg: gpg, dir: store, environ: config.Environ}
	return &ring{
		title:   "pass",
		backend: library.PassBackend,
		config:  library.Config{PassCmd: pass, PassDir: store, PassPrefix: passFolder},
		ready:   p.ready,
	}, nil
}

// passStore is the configuration of ready.
type passStore struct {
	gpg, dir string
	environ  []string
}

// ready checks that gpg will not prompt: the library waits for a passphrase without
// limit, in a window or on the terminal. So it first runs gpg without prompts on the
// item; then the agent has the key that the library's own call needs.
func (p passStore) ready(ctx context.Context, what use, key string) error {
	if _, err := os.Stat(filepath.Join(p.dir, ".gpg-id")); err != nil {
		return fmt.Errorf("%w: there is no password store in %s: pass init GPG-ID makes one", keyring.ErrUnavailable, p.dir)
	}
	if what != reading {
		return nil
	}
	item := filepath.Join(p.dir, passFolder, key+".gpg")
	if _, err := os.Stat(item); errors.Is(err, fs.ErrNotExist) {
		return nil // the library reports it
	}
	_, err := keyring.RunCommand(ctx, []string{p.gpg, "--batch", "--no-tty", "--quiet", "--yes", "--pinentry-mode", "error",
		"--output", os.DevNull, "--decrypt", item}, keyring.Surroundings{Environ: p.environ})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: gpg does not open it without asking for a passphrase, or has not the key: pass show %s/%s shows which",
			keyring.ErrLocked, passFolder, key)
	}
	return err
}

// environment converts entries "NAME=value" into a map.
func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}
