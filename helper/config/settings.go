package config

import (
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/credhelper/credhelper/helper/keyring"
)

// Settings is the content of config.toml, which applies to all profiles.
type Settings struct {
	// Keyring is a name in keyring.Backends; "" if none was chosen.
	Keyring string `toml:"keyring,omitempty"`
	// Audit "all" also logs answers from the cache, so the engine gives each.
	Audit string `toml:"audit,omitempty"`
	// Defaults apply to profiles without their own value.
	Defaults struct {
		CAFile string `toml:"ca_file,omitempty"`
		Proxy  string `toml:"proxy,omitempty"`
		MinTTL any    `toml:"min_ttl,omitempty"`
	} `toml:"defaults,omitempty"`
}

// ReadSettings parses a config.toml; path is for messages.
func ReadSettings(path string, content []byte) (Settings, error) {
	var s Settings
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

// WithKeyring returns the text of a config.toml with another backend and all other
// lines unchanged; path is for messages.
func WithKeyring(path, text, backend string) (string, error) {
	if _, known := keyring.BackendNamed(backend); !known {
		return "", malformed("no keyring backend " + backend + "; there are " + strings.Join(backendNames(), ", "))
	}
	if _, err := ReadSettings(path, []byte(text)); err != nil {
		return "", err
	}
	line := "keyring = \"" + backend + "\""
	var lines []string
	done := false
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		key, _, _ := strings.Cut(l, "=")
		if strings.Trim(key, " \t\"'") == "keyring" && !done {
			l, done = line, true
		}
		lines = append(lines, l)
	}
	if !done { // a key of the root table must precede the first table
		lines = append([]string{line}, lines...)
	}
	text = strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	var check Settings
	if err := toml.Unmarshal([]byte(text), &check); err != nil || check.Keyring != backend {
		return "", policy(path + ": write " + line + " into it by hand")
	}
	return text, nil
}
