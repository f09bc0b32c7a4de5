package config

import (
	"cmp"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// poolFile is a section [pool.NAME] of config.toml: where hosts share tokens.
type poolFile struct {
	Store     []string `toml:"store"`                // [KIND, ADDRESS, ...]: see storeKinds
	Auth      any      `toml:"auth,omitempty"`       // source of the store's password
	Key       any      `toml:"key"`                  // source of what credhelper pool key made
	KeyBefore any      `toml:"key_before,omitempty"` // source of the earlier key, while it is changed
	Role      string   `toml:"role,omitempty"`       // "keeper", "reader"
	Lost      string   `toml:"lost,omitempty"`       // "alone", "fail"
	CAFile    string   `toml:"ca_file,omitempty"`    // absolute path
	Address   string   `toml:"address,omitempty"`    // of the API server of Kubernetes; "": that of the pod's own cluster
}

// Pool is such a section, checked.
type Pool struct {
	Name      string   // "": none
	Kind      string   // row of storeKinds
	Address   *url.URL // of the store; nil: the API server of the pod's own cluster
	Vault     Vault    // how to log in there
	Path      string   // in Vault, with "/data/" in it; in Kubernetes NAMESPACE/SECRET; "" elsewhere
	Auth      []string // may be nil
	Key       []string
	KeyBefore []string // usually nil
	Reader    bool     // this host never asks a server
	Alone     bool     // without the store this host asks for itself
	CAFile    string
}

// takePools checks the sections for pools. usualCA is the ca_file of those that have none;
// vaults are the sections for Vault.
func takePools(d *configfile.Document, sections map[string]poolFile, vaults []Vault, usualCA string) (all []Pool, err error) {
	for _, name := range sortedKeys(sections) {
		f := sections[name]
		key := "pool." + configfile.Quoted(name)
		if !protocol.ValidProfile(name) {
			return nil, d.Wrong(key, "a name is 1 to 64 lower-case letters, digits, '-', '_', '.'")
		}
		p := Pool{Name: name, Reader: f.Role == "reader", Alone: f.Lost == "alone", CAFile: cmp.Or(f.CAFile, usualCA)}
		for _, source := range [...]struct {
			key      string
			value    any
			into     *[]string
			required bool
		}{{"auth", f.Auth, &p.Auth, false}, {"key", f.Key, &p.Key, true}, {"key_before", f.KeyBefore, &p.KeyBefore, false}} {
			var ok bool
			if *source.into, ok = sourceOf(source.value); !ok || source.required && *source.into == nil {
				return nil, d.Wrong(key+"."+source.key, "is a list such as %s", fileSource())
			}
		}
		if problem := p.takeStore(vaults, f); problem != "" {
			return nil, d.Wrong(key+".store", "%s", problem)
		}
		switch {
		case f.Role != "" && f.Role != "keeper" && f.Role != "reader":
			return nil, d.Wrong(key+".role", `is "keeper" or "reader"`)
		case f.Lost != "alone" && f.Lost != "fail":
			return nil, d.Wrong(key+".lost", `has to be said: "alone" (without the store this host asks the server for itself) or "fail" (it gets no token)`)
		case p.Reader && p.Alone:
			return nil, d.Wrong(key+".lost", `is "fail" for a reader, which asks no server`)
		case p.CAFile != "" && !filepath.IsAbs(p.CAFile):
			return nil, d.Wrong(key+".ca_file", "is an absolute path")
		}
		all = append(all, p)
	}
	return all, nil
}

// The kinds of stores.
const (
	storeRedis      = "redis"
	StoreKubernetes = "kubernetes"
	StoreVault      = "vault"
)

var storeKinds = [...]struct {
	name  string
	words int
	usage string
	take  func(p *Pool, vaults []Vault, f poolFile) (problem string)
}{
	{storeRedis, 2, `["redis", "rediss://HOST:PORT"]`, (*Pool).takeRedis},
	{StoreKubernetes, 2, `["kubernetes", "NAMESPACE/SECRET"]`, (*Pool).takeKubernetes},
	{StoreVault, 3, `["vault", "https://HOST:PORT", "MOUNT/data/PATH"]`, (*Pool).takeVault},
}

// takeStore parses the words of a store; the text says what is wrong.
func (p *Pool) takeStore(vaults []Vault, f poolFile) (problem string) {
	var usages []string
	if f.Address != "" && len(f.Store) > 0 && f.Store[0] != StoreKubernetes {
		return "has its address itself: the key address is for kubernetes"
	}
	for _, kind := range storeKinds {
		if len(f.Store) == kind.words && f.Store[0] == kind.name {
			p.Kind = kind.name
			return kind.take(p, vaults, f)
		}
		usages = append(usages, kind.usage)
	}
	return "is " + strings.Join(usages, " or ")
}

func (p *Pool) takeRedis(_ []Vault, f poolFile) (problem string) {
	u, err := url.Parse(f.Store[1])
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "0123456789/") != "" || strings.Count(u.Path, "/") > 1 {
		return "its address is rediss://[USER@]HOST[:PORT][/DATABASE]" // not quoted: it may have a password
	}
	if _, given := u.User.Password(); given {
		return "its password is not written here: auth says where it comes from"
	}
	switch {
	case u.Scheme == "rediss":
	case u.Scheme != "redis":
		return "its address begins with rediss://"
	case !oauth.Direct(u):
		return "redis:// would send the password in clear: rediss://, or an address on this machine"
	}
	p.Address = u
	return ""
}

// serviceAccount returns where a pod has a file of its service account: "token", or "ca.crt"
// with the authority of its API server.
func serviceAccount(name string) string {
	const path = "/var/run/secrets/kubernetes.io/serviceaccount/"
	if runtime.GOOS == "windows" {
		return "C:" + path + name
	}
	return path + name
}

func (p *Pool) takeKubernetes(_ []Vault, f poolFile) (problem string) {
	namespace, name, _ := strings.Cut(f.Store[1], "/")
	if p.Path = f.Store[1]; !isDNSName(namespace) || strings.Contains(namespace, ".") || !isDNSName(name) {
		return "names a Secret as NAMESPACE/SECRET"
	}
	if f.Address == "" {
		p.CAFile = cmp.Or(f.CAFile, serviceAccount("ca.crt"))
		if f.Auth == nil {
			p.Auth = []string{"file", serviceAccount("token")}
		}
		return ""
	}
	canonical, problem := parseBase(f.Address)
	switch {
	case problem != "":
		return "has an address that " + problem
	case f.Auth == nil:
		return "needs auth beside address: where the token comes from"
	}
	p.Address, _ = url.Parse(canonical)
	return ""
}

// isDNSName reports whether s is a name of an object of Kubernetes: RFC 1123.
func isDNSName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(s) <= 253
}

func (p *Pool) takeVault(vaults []Vault, f poolFile) (problem string) {
	address, problem := parseBase(f.Store[1]) // which may have a password in it
	at, known := vaultAt(vaults, address)
	p.Path, p.Vault = f.Store[2], at
	switch {
	case problem != "":
		return "its address: " + problem
	case !known:
		return "there is no section [vault.\"" + printable.Value(f.Store[1]) + "\"] that says how to log in"
	case !isPath(p.Path) || !strings.Contains(strings.Trim(p.Path, "/"), "/data/"):
		return "its path is MOUNT/data/PATH, as that of a secret"
	case f.Auth != nil || f.CAFile != "":
		return "takes neither auth nor ca_file: those of [vault.\"" + p.Vault.Address + "\"] count"
	}
	p.Address, _ = url.Parse(p.Vault.Address) // which is canonical
	return ""
}
