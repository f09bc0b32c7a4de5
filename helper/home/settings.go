package home

import (
	"io/fs"
	"os"

	"errors"

	"github.com/credhelper/credhelper/helper/config"
)

// Settings reads config.toml; they are empty if it is missing.
func (h *Home) Settings() (config.Settings, error) {
	path := h.Dirs.Settings()
	content, err := config.ReadProvided(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Settings{}, nil
	}
	if err != nil {
		return config.Settings{}, err
	}
	return config.ReadSettings(path, content)
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
