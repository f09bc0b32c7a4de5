package main

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// dirs says where everything is.
func (s *session) dirs() (cache.Dirs, error) {
	d, err := cache.FindDirs(s.env, process.UserID())
	if err != nil {
		return d, policy(err.Error())
	}
	return d, nil
}

// open makes the helper of this run. Nothing is read or opened yet.
func (s *session) open() (*helper.Helper, error) {
	if s.helper != nil {
		return s.helper, nil
	}
	dirs, err := s.dirs()
	if err != nil {
		return nil, err
	}
	config := helper.Config{
		Dirs:    dirs,
		Start:   s.start,
		Now:     s.now,
		Env:     s.env,
		Environ: s.environ,
		HTTP:    oauth.NewHTTPClient,
		Keyring: s.openKeyring,
		NoStore: s.flags.noStore,
		Report:  s.report,
	}
	if s.patient {
		config.Start = time.Time{}
	}
	if s.flags.noStore {
		if config.Secret, err = s.givenSecret(); err != nil {
			return nil, err
		}
	}
	s.helper = helper.New(config)
	return s.helper, nil
}

// givenSecret is the secret or private key that the flags give for this run only;
// zero if they give none.
func (s *session) givenSecret() (secret.Text, error) {
	if s.secret.key != "" {
		return s.readKeyFile(s.secret.key)
	}
	raw, given, err := s.secretOctets()
	if err != nil || !given {
		return secret.Text{}, err
	}
	return cleanSecret(raw)
}

// report takes the helper's warnings.
func (s *session) report(text string) {
	if s.warn != nil {
		s.warn(text)
		return
	}
	s.say("credhelper: " + text)
}

// openProfile makes the helper and reads the profile that a verb is about.
func (s *session) openProfile(name string) (*helper.Helper, *helper.Profile, error) {
	h, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	p, err := h.Profile(name)
	return h, p, err
}

// keyringTime is what a keyring has for one call (S4).
const keyringTime = 3 * time.Second

// openKeyring opens the keyring that the settings name, and no other: there is no
// falling through to the next one (S2).
func (s *session) openKeyring(ctx context.Context, settings helper.Settings) (keyring.Keyring, error) {
	if settings.Keyring == "" {
		return nil, &protocol.Error{
			Kind: protocol.ErrLocked,
			Text: "no keyring was chosen yet",
			Hint: "choose one: credhelper keyring use file",
		}
	}
	if backend, _ := keyring.BackendNamed(settings.Keyring); backend.Desktop {
		dirs, err := s.dirs()
		if err != nil {
			return nil, err
		}
		return desktop.Open(ctx, backend.Name, desktop.Config{State: dirs.State, Now: s.now, Environ: s.environ})
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return nil, err
	}
	return keyring.WithDeadline(file, keyringTime), nil
}

// keyringCredential is what a systemd unit calls the key or passphrase of the
// file keyring (LoadCredential=credhelper-keyring:...).
const keyringCredential = "credhelper-keyring"

// openFile opens the encrypted file keyring.
func (s *session) openFile(ctx context.Context) (*keyring.File, error) {
	dirs, err := s.dirs()
	if err != nil {
		return nil, err
	}
	config := keyring.FileConfig{
		Dir:     dirs.Keyring(),
		KeyFile: dirs.KeyFile(),
		Now:     s.now,
		Sleep:   sleep,
	}
	if dir := s.env("CREDENTIALS_DIRECTORY"); filepath.IsAbs(dir) {
		if path := filepath.Join(dir, keyringCredential); exists(path) {
			config.Credential = path
		}
	}
	// A home without state, or one that cannot be written, has no id: then the
	// kernel keeps nothing of it.
	if store, err := cache.Open(dirs); err == nil {
		if id, err := store.HomeID(ctx); err == nil {
			config.Home = hex.EncodeToString(id[:])
		}
		store.Close()
	}
	return keyring.OpenFile(config)
}

// createHome makes the state directory of this home if there is none, which also
// gives it its id.
func (s *session) createHome() error {
	dirs, err := s.dirs()
	if err != nil {
		return err
	}
	store, err := cache.Create(dirs)
	if err != nil {
		return policy(err.Error())
	}
	store.Close()
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
