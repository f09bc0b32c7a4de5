//go:build linux

package main_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/server/sourcetest"
)

const (
	vaultRole   = "role-of-the-fleet"
	vaultSecret = "secret-id-of-the-fleet"
)

// newVault starts a Vault in which keepers of a pool may do what docs/pool.md allows them.
func newVault(t testing.TB, change func(*sourcetest.VaultOptions)) *sourcetest.Vault {
	t.Helper()
	allowed := []string{"kv/data/pools/ci/*", "kv/metadata/pools/ci/*"}
	o := sourcetest.VaultOptions{CASRequired: true, Logins: []sourcetest.Login{{
		Mount: "approle", Body: map[string]string{"role_id": vaultRole, "secret_id": vaultSecret}, Lease: time.Hour,
		Policy: sourcetest.Policy{Read: allowed, Write: allowed},
	}}}
	if change != nil {
		change(&o)
	}
	v := sourcetest.NewVault(o)
	t.Cleanup(v.Close)
	return v
}

// inVault returns the lines of config.toml that name a pool in a Vault, with a login by
// AppRole.
func inVault(t testing.TB, v *sourcetest.Vault) string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret-id")
	if err := os.WriteFile(secret, []byte(vaultSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("[vault.%q]\nauth = [\"approle\", %q, [\"file\", %q]]\n[pool.ci]\nstore = [\"vault\", %q, \"kv/data/pools/ci\"]",
		v.URL(), vaultRole, secret, v.URL())
}

// TestPoolVault: hosts that share a token in Vault make one request to the server, and
// each of them one login, which it keeps; those that have lost their caches make none. The
// server sees no token, secret, client or profile.
func TestPoolVault(t *testing.T) {
	v := newVault(t, nil)
	f := newFleetAt(t, inVault(t, v), 4, "")
	f.slow(50 * time.Millisecond)
	token := oneToken(t, f.together(t, patiently...))
	if n := f.requests(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	for _, h := range f.homes {
		sealed, err := filepath.Glob(filepath.Join(h.Dirs.Run(), "t-*")) // the logins are elsewhere
		if err != nil || len(sealed) == 0 {
			t.Fatalf("%v, %v", sealed, err)
		}
		for _, path := range sealed {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if again := oneToken(t, f.together(t, patiently...)); again != token {
		t.Error("another token")
	}
	if n := f.requests(); n != 1 {
		t.Errorf("%d requests after the caches were lost, want 1", n)
	}
	if n := v.Count("approle/login"); n != len(f.homes) {
		t.Errorf("%d logins of %d hosts", n, len(f.homes))
	}
	all := ""
	for path, versions := range v.Kept() {
		all += path + "\n"
		if len(versions) != 1 {
			t.Errorf("%s: %d versions", path, len(versions))
		}
		for _, one := range versions {
			value := strings.TrimSuffix(strings.TrimPrefix(one, `{"value":"`), `"}`)
			b, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				t.Errorf("%s: %q: %v", path, one, err)
			}
			all += one + "\n" + string(b) + "\n"
		}
	}
	if len(all) < 500 {
		t.Errorf("%d bytes: the test is blind", len(all))
	}
	for _, known := range []string{token, secretA, "client", "jama", "api.example.com"} {
		for _, form := range []string{known, hex.EncodeToString([]byte(known)), base64.StdEncoding.EncodeToString([]byte(known))} {
			if strings.Contains(all, strings.TrimRight(form, "=")) {
				t.Errorf("the store has %q", form)
			}
		}
	}
}

// TestPoolVaultWrong: what may be wrong with a pool in Vault. Each has a line of its own,
// which doctor has as well, and its exit code; with lost = "fail" nothing is asked of the
// token endpoint.
func TestPoolVaultWrong(t *testing.T) {
	t.Parallel() // mostly waiting
	for _, c := range []struct {
		name   string
		change func(*sourcetest.VaultOptions)
		then   func(v *sourcetest.Vault)
		path   string
		exit   int
		says   string
	}{
		{name: "no such mount", change: allow("nope/*"), path: "nope/data/ci", exit: 9, says: "nope/data/ci: 404: no handler for route"},
		{name: "a KV engine of version 1", change: func(o *sourcetest.VaultOptions) { allow("old/*")(o); o.Mounts = map[string]int{"old": 1} },
			path: "old/data/ci", exit: 9, says: "what is mounted there is no KV engine of version 2"},
		{name: "a policy without the path", path: "kv/data/other", exit: 9, says: "kv/data/other: 403 permission denied to read"},
		{name: "a policy that only reads", change: func(o *sourcetest.VaultOptions) { o.Logins[0].Policy.Write = nil },
			exit: 9, says: "kv/data/pools/ci: 403 permission denied to write"},
		{name: "a refused login", change: func(o *sourcetest.VaultOptions) { o.Logins[0].Body["secret_id"] = "another"; o.Echo = true },
			exit: 9, says: `auth/approle/login: 400: invalid secret id "REDACTED`},
		{name: "sealed", then: func(v *sourcetest.Vault) { v.Seal(true) }, exit: 8, says: "it is sealed, or not ready (503)"},
		{name: "overloaded", then: func(v *sourcetest.Vault) { v.Trouble(429) }, exit: 8, says: "429"},
		{name: "down", then: func(v *sourcetest.Vault) { v.Close() }, exit: 8, says: "connection refused"},
		{name: "a standby of nobody's", then: func(v *sourcetest.Vault) { v.Redirect("http://127.0.0.1:1") }, exit: 9, says: "it redirects to http://127.0.0.1:1, which is not followed"},
		{name: "too small for a token", then: func(v *sourcetest.Vault) { v.Limit(100) }, exit: 8, says: "it takes no value of that size (413)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t, c.change)
			where := inVault(t, v)
			if c.path != "" {
				where = strings.ReplaceAll(where, "kv/data/pools/ci", c.path)
			}
			f := newFleetAt(t, where, 1, `lost = "fail"`)
			if c.then != nil {
				c.then(v)
			}
			for _, args := range [][]string{{"doctor", "jama"}, {"token", "jama"}} {
				before := f.requests() // doctor asks the token endpoint whether it is there
				r := finish(t, f.homes[0].Command(args...))
				if said := r.stdout + r.stderr; !strings.Contains(said, c.says) || strings.Contains(said, vaultSecret) || strings.Contains(said, "hvs.") {
					t.Errorf("%v: %+v, want %q", args, r, c.says)
				}
				if n := f.requests() - before; args[0] == "token" && (r.code != c.exit || n != 0) {
					t.Errorf("exit %d, want %d; %d requests at the token endpoint", r.code, c.exit, n)
				}
			}
		})
	}
}

// allow lets a login do everything below further paths.
func allow(paths ...string) func(*sourcetest.VaultOptions) {
	return func(o *sourcetest.VaultOptions) {
		p := &o.Logins[0].Policy
		p.Read, p.Write = append(p.Read, paths...), append(p.Write, paths...)
	}
}
