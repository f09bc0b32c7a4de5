package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// dirs returns the directories of this home.
func (s *session) dirs() (cache.Dirs, error) { return inner.Dirs(s.environ) }

// open creates the helper of this run. Nothing is read or opened yet.
func (s *session) open() (*helper.Helper, error) {
	if s.helper != nil {
		return s.helper, nil
	}
	if s.flags.noStore {
		s.environ = withHome(s.environ)
	}
	config, err := inner.Config(s.environ, s.now)
	if err != nil {
		return nil, err
	}
	config.Start, config.NoStore, config.Report = s.start, s.flags.noStore, s.report
	config.Caller, config.Reminds = inner.Caller(s.verb), !s.tool
	config.RunsLong, config.TimeLimit, config.Processors = s.runsLong, s.setTimeLimit, s.manyFiles
	if s.flags.verbose {
		config.Explain = func(text string) { s.say("credhelper: " + text) }
	}
	if s.flags.timeout != "" {
		config.Timeout, _ = seconds(s.flags.timeout) // prepare has validated it
	}
	if s.somebodyLooks() {
		config.CommandSaid = func(source, line string) { s.say("credhelper: stderr of " + source + ": " + line) }
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

// withHome returns the environment of a run that stores nothing. Such a run needs no home,
// and in a container, or as a service of Windows, it often has none: it then gets one that
// does not exist, and that only root or an administrator could make.
func withHome(environ []string) []string {
	if _, err := cache.FindDirs(cache.Variables(environ), process.UserID()); !errors.Is(err, cache.ErrNoHome) {
		return environ
	}
	names, none := []string{"HOME"}, "/nonexistent"
	if windows {
		names, none = []string{"AppData", "LocalAppData"}, `C:\Windows\nonexistent`
	}
	for _, name := range names {
		environ = inner.WithVariable(environ, name, none)
	}
	return environ
}

// somebodyLooks reports whether stderr is a person's terminal and is not stored:
// messages of other programs may contain secrets that we do not know.
func (s *session) somebodyLooks() bool {
	return !s.flags.json && !s.runsLong && isTerminal(s.stderr)
}

// givenSecret returns the secret or private key that the flags give for this run only;
// zero if there is none.
func (s *session) givenSecret() (secret.Text, error) {
	if s.secret.key != "" {
		return s.readKeyFile(s.secret.key)
	}
	raw, given, err := s.secretBytes()
	if err != nil || !given {
		return secret.Text{}, err
	}
	return cleanSecret(raw)
}

// report receives the helper's warnings.
func (s *session) report(text string) {
	if s.warn != nil {
		s.warn(text)
		return
	}
	s.say("credhelper: " + text)
}

// openProfile creates the helper and reads a command's profile.
func (s *session) openProfile(name string) (*helper.Helper, *config.Profile, error) {
	h, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	p, err := h.Profile(name)
	return h, p, err
}

// openKeyring opens the keyring that the settings name.
func (s *session) openKeyring(ctx context.Context, settings config.Settings) (keyring.Keyring, error) {
	return inner.OpenKeyring(ctx, s.environ, s.now, settings)
}

// openFile opens the encrypted file keyring.
func (s *session) openFile(ctx context.Context) (*keyring.File, error) {
	dirs, err := s.dirs()
	if err != nil {
		return nil, err
	}
	return helper.OpenFile(ctx, dirs, s.env)
}

// createHome creates the state directory of this home if it is missing, which also
// gives the home its id.
func (s *session) createHome() error {
	dirs, err := s.dirs()
	if err != nil {
		return err
	}
	store, err := cache.Create(dirs)
	if err != nil {
		return protocol.Policy(err.Error())
	}
	store.Close()
	return nil
}

// homeIsOurs fails if a directory that a new keyring needs exists and is not closed to
// other users. It creates nothing.
func (s *session) homeIsOurs() error {
	dirs, err := s.dirs()
	if err != nil {
		return err
	}
	for _, path := range [...]string{dirs.Data, dirs.State} {
		dir, err := private.Enter(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return protocol.Policy(err.Error())
		}
		dir.Close()
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
