package home

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
)

// readSettings are the settings as they were last read. A miss needs them four times,
// and parsing them takes as long as parsing the profile.
type readSettings struct {
	mu    sync.Mutex
	stamp cache.Stamp // of config.toml before it was read; zero if they were not read
	last  config.Settings
}

// Settings returns the content of config.toml, which is read again if the file has
// changed; empty settings if it is missing.
func (h *Home) Settings() (config.Settings, error) {
	path := h.Dirs.Settings()
	stamp, trusted := cache.TakeStamp(path, h.Now())
	h.settings.mu.Lock()
	defer h.settings.mu.Unlock()
	if stamp == h.settings.stamp {
		return h.settings.last, nil
	}
	h.settings.stamp = cache.Stamp{}
	content, err := config.ReadProvided(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Settings{}, nil
	}
	if err != nil {
		return config.Settings{}, err
	}
	settings, err := config.ReadSettings(path, content)
	if err == nil && trusted {
		h.settings.stamp, h.settings.last = stamp, settings
	}
	h.variables.add(settings.Variables())
	return settings, err
}

// FirstKeyring is UseKeyring for a choice that is valid only if the first secret can be
// stored; undo reverts it.
func (h *Home) FirstKeyring(backend string) (undo func() error, err error) {
	path := h.Dirs.Settings()
	old, err := config.ReadProvided(path, maxConfig)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	undo = func() error {
		if missing {
			return os.Remove(path)
		}
		return h.writeOwn(path, old)
	}
	return undo, h.UseKeyring(backend)
}

// UseKeyring writes the choice of a backend to config.toml and keeps all other lines.
// It moves no secrets.
func (h *Home) UseKeyring(backend string) error {
	path := h.Dirs.Settings()
	old, err := config.ReadProvided(path, maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := config.WithKeyring(path, string(old), backend)
	if err != nil {
		return err
	}
	return h.writeOwn(path, []byte(text))
}
