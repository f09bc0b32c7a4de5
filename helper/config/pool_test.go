package config

import (
	"runtime"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol/origin"
)

// TestPoolDigest: what would lead to another token, or to other addresses, is part of the
// digest by which hosts share a token, and what may differ between hosts is not.
func TestPoolDigest(t *testing.T) {
	at := func(text string) []origin.Origin {
		o, err := origin.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return []origin.Origin{o}
	}
	base := func() Profile {
		return Profile{Name: "a", ClientID: "id", TokenURL: "https://login.example/token", Origins: at("https://api.example"), Scopes: []string{"read"}}
	}
	whole := base()
	want := whole.PoolDigest()
	for name, change := range map[string]func(*Profile){
		"name": func(p *Profile) { p.Name = "b" }, "secret": func(p *Profile) { p.Secret = []string{"file", "/b"} },
		"proxy": func(p *Profile) { p.Proxy = "http://proxy.example" }, "authority": func(p *Profile) { p.CA = []byte("ca") },
		"key": func(p *Profile) { p.Key = []string{"file", "/b"} }, "assertion": func(p *Profile) { p.From = []string{"env", "B"} },
		"probe": func(p *Profile) { p.Probe.Path = "/me" }, "pool": func(p *Profile) { p.Pool.Name = "ci" },
		"client certificate": func(p *Profile) { p.ClientCert = []string{"file", "/b"} },
	} {
		p := base()
		if change(&p); p.PoolDigest() != want {
			t.Errorf("another %s is another token", name)
		}
	}
	seen := map[[32]byte]string{want: "the same"}
	for name, change := range map[string]func(*Profile){
		"client": func(p *Profile) { p.ClientID = "b" }, "server": func(p *Profile) { p.TokenURL += "2" }, "origins": func(p *Profile) { p.Origins = at("https://evil.example") },
		"scopes": func(p *Profile) { p.Scopes = []string{"read", "write"} }, "audience": func(p *Profile) { p.Audience = "b" }, "resource": func(p *Profile) { p.Resource = []string{"https://b.example"} },
		"params": func(p *Profile) { p.Params = [][2]string{{"tier", "gold"}} }, "grant": func(p *Profile) { p.Grant = "jwt_bearer" }, "header": func(p *Profile) { p.Header = "X-Token" },
		"subject": func(p *Profile) { p.Assertion.Subject = "b" }, "issuer": func(p *Profile) { p.Issuer = "https://b.example" }, "lifetime": func(p *Profile) { p.MaxTTL = 1 },
	} {
		p := base()
		change(&p)
		digest := p.PoolDigest()
		if other, known := seen[digest]; known {
			t.Errorf("%s and %s share a token", name, other)
		}
		seen[digest] = name
	}
}

// TestPoolStore: what a store may be, and the lines about what it may not be, none of
// which quotes a password.
func TestPoolStore(t *testing.T) {
	const login = "[vault.\"https://bao.example:8200\"]\nauth = [\"token\", [\"env\", \"T\"]]\n"
	for _, c := range []struct {
		store, more, says string
	}{
		{`["redis", "rediss://user@cache.example:6379/2"]`, "", ""},
		{`["redis", "redis://127.0.0.1"]`, "", ""},
		{`["redis", "redis://cache.example"]`, "", "redis:// would send the password in clear"},
		{`["redis", "rediss://u:canary@cache.example"]`, "", "its password is not written here"},
		{`["redis"]`, "", `is ["redis", "rediss://HOST:PORT"] or ["kubernetes", "NAMESPACE/SECRET"] or ["vault", "https://HOST:PORT", "MOUNT/data/PATH"]`},
		{`["memory", "x"]`, "", `is ["redis", `},
		{`["redis", "rediss://cache.example"]`, `address = "https://api.example"`, "has its address itself: the key address is for kubernetes"},
		{`["kubernetes", "team/credhelper-pool"]`, "", ""},
		{`["kubernetes", "team/pool.2"]`, "address = \"https://api.example:6443/k8s/c-1\"\nauth = [\"env\", \"T\"]", ""},
		{`["kubernetes", "team/pool"]`, "address = \"http://127.0.0.1:8001\"\nauth = [\"env\", \"T\"]", ""},
		{`["kubernetes", "team/pool"]`, "address = \"http://api.example\"\nauth = [\"env\", \"T\"]", "has an address that "},
		{`["kubernetes", "team/pool"]`, `address = "https://api.example"`, "needs auth beside address"},
		{`["kubernetes", "pool"]`, "", "names a Secret as NAMESPACE/SECRET"},
		{`["kubernetes", "team/Pool"]`, "", "names a Secret as NAMESPACE/SECRET"},
		{`["kubernetes", "team/../pool"]`, "", "names a Secret as NAMESPACE/SECRET"},
		{`["kubernetes", "te.am/pool"]`, "", "names a Secret as NAMESPACE/SECRET"},
		{`["kubernetes", "https://api.example", "team/pool"]`, "", `is ["redis", `},
		{`["vault", "https://bao.example:8200", "kv/data/pools/ci"]`, "", ""},
		{`["vault", "https://BAO.example:8200/", "a/b/data/ci"]`, "", ""},
		{`["vault", "https://bao.example", "kv/data/ci"]`, "", `there is no section [vault."https://bao.example"] that says how to log in`},
		{`["vault", "https://u:canary@bao.example:8200", "kv/data/ci"]`, "", "its address: there is an @ before the path"},
		{`["vault", "https://bao.example:8200"]`, "", `is ["redis", `},
		{`["vault", "https://bao.example:8200", "kv/ci"]`, "", "its path is MOUNT/data/PATH"},
		{`["vault", "https://bao.example:8200", "data/ci"]`, "", "its path is MOUNT/data/PATH"},
		{`["vault", "https://bao.example:8200", "kv/data/"]`, "", "its path is MOUNT/data/PATH"},
		{`["vault", "https://bao.example:8200", "kv/data/a/../b"]`, "", "its path is MOUNT/data/PATH"},
		{`["vault", "https://bao.example:8200", "kv/data/ci#field"]`, "", "its path is MOUNT/data/PATH"},
		{`["vault", "https://bao.example:8200", "kv/data/ci"]`, `auth = ["env", "A"]`, "takes neither auth nor ca_file"},
		{`["vault", "https://bao.example:8200", "kv/data/ci"]`, `ca_file = "/ca.pem"`, "takes neither auth nor ca_file"},
	} {
		text := login + "[pool.ci]\nstore = " + c.store + "\nkey = [\"env\", \"K\"]\nlost = \"fail\"\n" + c.more + "\n"
		_, err := ReadSettings("config.toml", []byte(text))
		switch {
		case err == nil && c.says == "":
		case err == nil || c.says == "" || !strings.Contains(err.Error(), "config.toml:4: pool.ci.store: "+c.says) || strings.Contains(err.Error(), "canary"):
			t.Errorf("%s %s: %v, want %q", c.store, c.more, err, c.says)
		}
	}
}

// TestVaultKeyShown: an error names the section of a Vault without the password in it.
func TestVaultKeyShown(t *testing.T) {
	for _, text := range []string{"[vault.\"https://u:can@ry@bao.example\"]\n", "[vault.\"https://u:canary@bao.example:1\"]\ntokens = 1\n", "[vault.\"https://bao.example\"]\nauth = [\"token\", [\"env\", \"T\"]]\nnodes = [\"https://u:canary@b.example\"]\n"} {
		if _, err := ReadSettings("config.toml", []byte(text)); err == nil || strings.Contains(err.Error(), "can") || !strings.Contains(err.Error(), "bao.example") {
			t.Errorf("%s%v", text, err)
		}
	}
}

// TestPoolInPod: in a pod the token and the authority are those of its service account,
// and ca_file of the defaults, which is for other servers, is not used.
func TestPoolInPod(t *testing.T) {
	drive := ""
	if runtime.GOOS == "windows" {
		drive = "C:"
	}
	account := drive + "/var/run/secrets/kubernetes.io/serviceaccount/"
	head := "[defaults]\nca_file = \"" + drive + "/own.pem\"\n[pool.ci]\nkey = [\"env\", \"K\"]\nlost = \"fail\"\nstore = [\"kubernetes\", \"team/pool\"]\n"
	for more, want := range map[string]string{
		"": account + "ca.crt file " + account + "token",
		"auth = [\"env\", \"T\"]\nca_file = \"" + drive + "/ca.pem\"\n":     drive + "/ca.pem env T",
		"auth = [\"env\", \"T\"]\naddress = \"https://api.example:6443\"\n": drive + "/own.pem env T",
	} {
		s, err := ReadSettings("config.toml", []byte(head+more))
		if err != nil {
			t.Errorf("%q: %v", more, err)
			continue
		}
		p := s.Pools()[0]
		if got := p.CAFile + " " + strings.Join(p.Auth, " "); got != want || p.Path != "team/pool" {
			t.Errorf("%q: %q, %q", more, got, p.Path)
		}
	}
}
