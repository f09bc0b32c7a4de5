package config

import (
	"cmp"
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/keyring"
)

// vaultFile is a section [vault."ADDRESS"] of config.toml: how to log in to a server of
// HashiCorp Vault or OpenBao, from which sources of the kind "vault" read.
type vaultFile struct {
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

// vaultAt returns the section for the address in a source; false if there is none.
func vaultAt(all []Vault, address string) (Vault, bool) {
	canonical, _ := parseBase(address)
	for _, v := range all {
		if v.Address == canonical {
			return v, true
		}
	}
	return Vault{}, false
}

// takeVaults checks the sections for Vault. usualCA and usualProxy are the ca_file and proxy
// of those that have none.
func takeVaults(d *configfile.Document, sections map[string]vaultFile, usualCA, usualProxy string) (all []Vault, err error) {
	for _, address := range sortedKeys(sections) {
		f := sections[address]
		key := "vault." + configfile.Quoted(address)
		v := Vault{Mount: f.Mount, Namespace: f.Namespace, CAFile: cmp.Or(f.CAFile, usualCA), Proxy: cmp.Or(f.Proxy, usualProxy)}
		var problem string
		if v.Address, problem = parseBase(address); problem != "" {
			return nil, d.Wrong(key, "%s", problem)
		}
		if problem = v.takeAuth(f.Auth); problem != "" {
			return nil, d.Wrong(key+".auth", "%s", problem)
		}
		for _, node := range f.Nodes {
			canonical, problem := parseBase(node)
			if problem != "" {
				return nil, d.Wrong(key+".nodes", "%s", problem)
			}
			v.Nodes = append(v.Nodes, canonical)
		}
		switch {
		case v.CAFile != "" && !filepath.IsAbs(v.CAFile):
			return nil, d.Wrong(key+".ca_file", "is an absolute path")
		case parseProxy(v.Proxy) != "":
			return nil, d.Wrong(key+".proxy", "%s", parseProxy(v.Proxy))
		case !isPath(v.Mount) || v.Mount == "":
			return nil, d.Wrong(key+".mount", "is the path of the auth method, such as approle")
		case !isPath(v.Namespace):
			return nil, d.Wrong(key+".namespace", "is a path such as team/ci")
		}
		all = append(all, v)
	}
	return all, nil
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
		v.Login, v.Source, v.Mount = login.name, login.source, cmp.Or(v.Mount, login.name)
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
				return "is " + login.usage + ", with a SOURCE such as " + fileSource()
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
