package config

import (
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/printable"
)

// VaultFile is a section [vault."ADDRESS"] of config.toml: how to log in to a server of
// HashiCorp Vault or OpenBao, from which sources of the kind "vault" read.
type VaultFile struct {
	Auth      []any    `toml:"auth"`                // ["approle", ROLE-ID, SOURCE] and others: see vaultLogins
	Mount     string   `toml:"mount,omitempty"`     // path of the auth method; "": its usual one
	Namespace string   `toml:"namespace,omitempty"` // of the secrets and the login
	CAFile    string   `toml:"ca_file,omitempty"`   // absolute path
	Proxy     string   `toml:"proxy,omitempty"`     // as in a profile
	Nodes     []string `toml:"nodes,omitempty"`     // addresses to which the server may redirect
}

// Vault is such a section, checked.
type Vault struct {
	Address   string   // canonical, without a trailing slash
	Login     string   // row of vaultLogins
	Role      string   // or the role id; "" for a token
	Source    []string // of what proves it: a secret id, a JWT, a token
	Mount     string
	Namespace string
	CAFile    string
	Proxy     string
	Nodes     []string
}

// vaultLogins are the ways to log in.
var vaultLogins = [...]struct {
	name   string
	role   bool
	source []string // what is read if none is given; nil: one has to be
	usage  string
}{
	{"token", false, nil, `["token", SOURCE]`},
	{"approle", true, nil, `["approle", "ROLE-ID", SOURCE]`},
	{"jwt", true, nil, `["jwt", "ROLE", SOURCE]`},
	{"kubernetes", true, []string{"file", "/var/run/secrets/kubernetes.io/serviceaccount/token"}, `["kubernetes", "ROLE"]`},
}

// VaultAt returns the section for the address in a source; false if there is none.
func (s Settings) VaultAt(address string) (Vault, bool) {
	canonical, _ := parseBase(address)
	for _, v := range s.vaults {
		if v.Address == canonical {
			return v, true
		}
	}
	return Vault{}, false
}

// Variables returns the environment variables from which the settings take secrets.
func (s Settings) Variables() (names []string) {
	for _, v := range s.vaults {
		names = append(names, Source{Words: v.Source}.Variables()...)
	}
	return names
}

// takeVaults checks the sections for Vault.
func (s *Settings) takeVaults(d *document) error {
	for _, address := range sortedKeys(s.Vault) {
		f := s.Vault[address]
		key := "vault." + strings.ReplaceAll(address, ".", quotedDot)
		v := Vault{Mount: f.Mount, Namespace: f.Namespace, CAFile: f.CAFile, Proxy: f.Proxy}
		var problem string
		if v.Address, problem = parseBase(address); problem != "" {
			return d.wrong(key, "%s", problem)
		}
		if problem = v.takeAuth(f.Auth); problem != "" {
			return d.wrong(key+".auth", "%s", problem)
		}
		for _, node := range f.Nodes {
			canonical, problem := parseBase(node)
			if problem != "" {
				return d.wrong(key+".nodes", "%q: %s", printable.Value(node), problem)
			}
			v.Nodes = append(v.Nodes, canonical)
		}
		if v.CAFile == "" {
			v.CAFile = s.Defaults.CAFile
		}
		if v.Proxy == "" {
			v.Proxy = s.Defaults.Proxy
		}
		switch {
		case v.CAFile != "" && !filepath.IsAbs(v.CAFile):
			return d.wrong(key+".ca_file", "is an absolute path")
		case parseProxy(v.Proxy) != "":
			return d.wrong(key+".proxy", "%s", parseProxy(v.Proxy))
		case !isPath(v.Mount) || v.Mount == "":
			return d.wrong(key+".mount", "is the path of the auth method, such as approle")
		case !isPath(v.Namespace):
			return d.wrong(key+".namespace", "is a path such as team/ci")
		}
		s.vaults = append(s.vaults, v)
	}
	return nil
}

// takeAuth reads how to log in; the text says what is wrong. Neither a role id nor a
// source that is none is quoted: it may be the secret.
func (v *Vault) takeAuth(auth []any) (problem string) {
	var usages []string
	for _, login := range vaultLogins {
		usages = append(usages, login.usage)
		if len(auth) == 0 || auth[0] != login.name {
			continue
		}
		rest := auth[1:]
		v.Login, v.Source = login.name, login.source
		if v.Mount == "" {
			v.Mount = login.name
		}
		var ok bool
		if login.role && len(rest) > 0 {
			v.Role, ok = rest[0].(string)
			rest = rest[1:]
		}
		if login.role && (!ok || v.Role == "") {
			return "is " + login.usage
		}
		if len(rest) == 1 {
			if v.Source, ok = sourceOf(rest[0]); !ok || len(v.Source) < 2 || v.Source[0] == keyring.KindVault {
				return "is " + login.usage + `, with a SOURCE such as ["file", "/path"]`
			}
			rest = nil
		}
		if v.Source == nil || len(rest) > 0 {
			return "is " + login.usage
		}
		return ""
	}
	return "is " + strings.Join(usages, " or ")
}

// isPath reports whether s is a path of Vault's, or empty.
func isPath(s string) bool {
	for _, part := range strings.Split(s, "/") {
		if part == "" && s != "" || part == "." || part == ".." || !isASCII(part) || strings.ContainsAny(part, " ?#%\\") || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}
