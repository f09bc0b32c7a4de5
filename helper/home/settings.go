package home

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
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
	content, err := configfile.Read(path, configfile.MaxSize)
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
	old, err := configfile.Read(path, configfile.MaxSize)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	undo = func() error {
		if missing {
			return os.Remove(path)
		}
		return configfile.Write(path, old, h.Now())
	}
	return undo, h.UseKeyring(backend)
}

// UseKeyring writes the choice of a backend to config.toml and keeps all other lines.
// It moves no secrets.
func (h *Home) UseKeyring(backend string) error {
	path := h.Dirs.Settings()
	old, err := configfile.Read(path, configfile.MaxSize)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := withKeyring(path, string(old), backend)
	if err != nil {
		return err
	}
	return configfile.Write(path, []byte(text), h.Now())
}

// withKeyring returns the text of a config.toml with another backend and all other
// lines unchanged; path is for messages.
func withKeyring(path, text, backend string) (string, error) {
	if _, known := keyring.BackendNamed(backend); !known {
		return "", protocol.Malformed("no keyring backend " + backend + "; there are " + strings.Join(keyring.BackendNames(), ", "))
	}
	if _, err := config.ReadSettings(path, []byte(text)); err != nil {
		return "", err
	}
	line := "keyring = \"" + backend + "\""
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if at := slices.IndexFunc(lines, func(l string) bool {
		key, _, _ := strings.Cut(l, "=")
		return strings.Trim(key, " \t\"'") == "keyring"
	}); at >= 0 {
		lines[at] = line
	} else { // a key of the root table must precede the first table
		lines = append([]string{line}, lines...)
	}
	text = strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	if check, err := config.ReadSettings(path, []byte(text)); err != nil || check.Keyring != backend {
		return "", protocol.Policy(path + ": write " + line + " into it by hand")
	}
	return text, nil
}
