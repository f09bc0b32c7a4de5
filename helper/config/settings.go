package config

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/credhelper/credhelper/helper/keyring"
)

// Settings are config.toml: what holds for all profiles.
type Settings struct {
	// Keyring is the backend, a name of keyring.Backends; "" if none was chosen.
	Keyring string `toml:"keyring,omitempty"`
	// Audit "all" writes cache hits to the log, too, so the engine answers each.
	Audit string `toml:"audit,omitempty"`
	// Defaults hold for the profiles that do not say otherwise.
	Defaults Defaults `toml:"defaults,omitempty"`
}

// Defaults are the members of a profile that may be set for all of them.
type Defaults struct {
	CAFile string `toml:"ca_file,omitempty"`
	Proxy  string `toml:"proxy,omitempty"`
	MinTTL any    `toml:"min_ttl,omitempty"`
}

// Settings reads config.toml; without one they are empty.
func (h *Home) Settings() (Settings, error) {
	var s Settings
	path := h.Dirs.Settings()
	content, err := ReadProvided(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	d, err := readDocument(path, content, &s)
	if err != nil {
		return Settings{}, err
	}
	if _, known := keyring.BackendNamed(s.Keyring); s.Keyring != "" && !known {
		return Settings{}, d.wrong("keyring", "%q is none of %s", s.Keyring, strings.Join(backendNames(), ", "))
	}
	if s.Audit != "" && s.Audit != "all" {
		return Settings{}, d.wrong("audit", `%q is not "all"`, s.Audit)
	}
	return s, nil
}

func backendNames() (names []string) {
	for _, b := range keyring.Backends {
		names = append(names, b.Name)
	}
	return names
}

// FirstKeyring is UseKeyring for a choice that stands only if the first secret can be
// stored there; undo takes it back.
func (h *Home) FirstKeyring(backend string) (undo func() error, err error) {
	path := h.Dirs.Settings()
	old, err := ReadProvided(path, maxConfig)
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

// UseKeyring writes the choice of a backend into config.toml and leaves every
// other line as it is. Secrets are not moved.
func (h *Home) UseKeyring(backend string) error {
	if _, known := keyring.BackendNamed(backend); !known {
		return malformed("no keyring backend " + backend + "; there are " + strings.Join(backendNames(), ", "))
	}
	if _, err := h.Settings(); err != nil {
		return err
	}
	path := h.Dirs.Settings()
	old, err := ReadProvided(path, maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	line := "keyring = \"" + backend + "\""
	var lines []string
	done := false
	for _, l := range strings.Split(strings.TrimSuffix(string(old), "\n"), "\n") {
		key, _, _ := strings.Cut(l, "=")
		if strings.Trim(key, " \t\"'") == "keyring" && !done {
			l, done = line, true
		}
		lines = append(lines, l)
	}
	if !done { // a key of no table stands before the first table
		lines = append([]string{line}, lines...)
	}
	text := strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	var check Settings
	if err := toml.Unmarshal([]byte(text), &check); err != nil || check.Keyring != backend {
		return policy(path + ": write " + line + " into it by hand")
	}
	return h.writeOwn(path, []byte(text))
}
