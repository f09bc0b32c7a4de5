package config

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
)

// Settings is the content of config.toml, which applies to all profiles.
type Settings struct {
	// Keyring is a name in keyring.Backends; "" if none was chosen.
	Keyring string `toml:"keyring,omitempty"`
	// Audit is "all", AuditRequired, or "": answers from the cache are not logged.
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
	Vault map[string]vaultFile `toml:"vault,omitempty"`

	// Pool has a section for each pool of hosts that share tokens; Pools has them checked.
	Pool map[string]poolFile `toml:"pool,omitempty"`

	vaults []Vault
	pools  []Pool
}

// Pools returns all pools, in the order of their names.
func (s Settings) Pools() []Pool { return s.pools }

// VaultAt returns the section for the address in a source; false if there is none.
func (s Settings) VaultAt(address string) (Vault, bool) { return vaultAt(s.vaults, address) }

// Variables returns the environment variables from which the settings take secrets.
func (s Settings) Variables() (names []string) {
	for _, v := range s.vaults {
		names = append(names, Source{Words: v.Source}.Variables()...)
	}
	for _, p := range s.pools {
		for _, words := range [...][]string{p.Auth, p.Key, p.KeyBefore} {
			names = append(names, Source{Words: words}.Variables()...)
		}
	}
	return names
}

// The values of Settings.Audit. Both also log answers from the cache; with AuditRequired
// no token is given whose line could not be written.
const (
	auditAll      = "all"
	AuditRequired = "required"
)

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
	if s.Audit != "" {
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
	d, err := configfile.Parse(path, content, &s)
	if err != nil {
		return Settings{}, err
	}
	if _, known := keyring.BackendNamed(s.Keyring); s.Keyring != "" && !known {
		return Settings{}, d.Wrong("keyring", "%q is none of %s", s.Keyring, strings.Join(keyring.BackendNames(), ", "))
	}
	if s.Audit != "" && s.Audit != auditAll && s.Audit != AuditRequired {
		return Settings{}, d.Wrong("audit", `%q is neither "all" nor "required"`, s.Audit)
	}
	if _, ok := size(s.LogSize); !ok {
		return Settings{}, d.Wrong("log_size", `want a number of bytes or a string such as "16 MiB", from 64 KiB to 16 GiB`)
	}
	if s.vaults, err = takeVaults(d, s.Vault, s.Defaults.CAFile, s.Defaults.Proxy); err != nil {
		return Settings{}, err
	}
	if s.pools, err = takePools(d, s.Pool, s.vaults, s.Defaults.CAFile); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// usualAuth returns the client authentication of a profile that names none.
func usualAuth(grant string) string {
	if g, _ := oauth.FindGrant(grant); g.Clientless {
		return "none"
	}
	return "client_secret_basic"
}
