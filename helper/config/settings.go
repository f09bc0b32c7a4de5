package config

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
)

// Settings is the content of config.toml, which applies to all profiles.
type Settings struct {
	// Keyring is a name in keyring.Backends; "" if none was chosen.
	Keyring string `toml:"keyring,omitempty"`
	// Audit is AuditAll, AuditRequired, or "".
	Audit string `toml:"audit,omitempty"`
	// LogSize is the size at which the log is turned over: bytes, or a text such as
	// "16 MiB"; LogLimit reads it.
	LogSize any `toml:"log_size,omitempty"`
	// Defaults apply to profiles without their own value.
	Defaults struct {
		CAFile string `toml:"ca_file,omitempty"`
		Proxy  string `toml:"proxy,omitempty"`
		MinTTL any    `toml:"min_ttl,omitempty"`
	} `toml:"defaults,omitempty"`
	// Vault has a section for each server of the sources of kind "vault"; VaultAt finds
	// one.
	Vault map[string]VaultFile `toml:"vault,omitempty"`

	vaults []Vault
}

// The values of Settings.Audit. Both also log answers from the cache; with AuditRequired
// no token is given whose line could not be written.
const (
	AuditAll      = "all"
	AuditRequired = "required"
)

// Audited reports whether answers from the cache are logged, too.
func (s Settings) Audited() bool { return s.Audit != "" }

// The sizes of the log, in bytes.
const (
	usualLog   = 1 << 20  // of fetches and failures: some thousand lines
	auditedLog = 64 << 20 // of every answer
	leastLog   = 64 << 10
	mostLog    = 16 << 30
)

// LogLimit returns the size in bytes at which the log is turned over.
func (s Settings) LogLimit() int64 {
	if n, ok := size(s.LogSize); ok && n > 0 {
		return n
	}
	if s.Audited() {
		return auditedLog
	}
	return usualLog
}

// size parses a number of bytes, which may be a text with a binary unit; 0 if there is
// none.
func size(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case nil:
		return 0, true
	case int64:
		n = v
	case string:
		digits, unit, shift := v, "", 0
		if i := strings.IndexFunc(v, func(c rune) bool { return c < '0' || '9' < c }); i >= 0 {
			digits, unit = v[:i], strings.TrimPrefix(v[i:], " ")
		}
		switch unit {
		case "":
		case "KiB":
			shift = 10
		case "MiB":
			shift = 20
		case "GiB":
			shift = 30
		default:
			return 0, false
		}
		number, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			return 0, false
		}
		n = number << shift
	}
	return n, leastLog <= n && n <= mostLog
}

// complete sets what a profile and its preset leave open.
func (s *Settings) complete(f *File) {
	f.CAFile, f.Proxy = cmp.Or(f.CAFile, s.Defaults.CAFile), cmp.Or(f.Proxy, s.Defaults.Proxy)
	f.Grant = cmp.Or(f.Grant, "client_credentials")
	f.ClientAuth = cmp.Or(f.ClientAuth, usualAuth(f.Grant))
	if f.MinTTL == nil {
		f.MinTTL = s.Defaults.MinTTL
	}
	if f.Secret == nil {
		f.Secret = inKeyring
	}
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
	if s.Audit != "" && s.Audit != AuditAll && s.Audit != AuditRequired {
		return Settings{}, d.wrong("audit", `%q is neither "all" nor "required"`, s.Audit)
	}
	if _, ok := size(s.LogSize); !ok {
		return Settings{}, d.wrong("log_size", `want a number of bytes or a string such as "16 MiB", from 64 KiB to 16 GiB`)
	}
	if err := s.takeVaults(d); err != nil {
		return Settings{}, err
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
		return "", protocol.Malformed("no keyring backend " + backend + "; there are " + strings.Join(backendNames(), ", "))
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
		return "", protocol.Policy(path + ": write " + line + " into it by hand")
	}
	return text, nil
}

// usualAuth returns the client authentication of a profile that names none.
func usualAuth(grant string) string {
	if g, _ := oauth.FindGrant(grant); g.Clientless {
		return "none"
	}
	return "client_secret_basic"
}
