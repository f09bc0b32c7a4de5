package helper_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/server/sourcetest"
	"github.com/credhelper/credhelper/protocol"
)

// TestVaultPoolLogin: a secret and the tokens of a pool in one Vault are one login, which is
// kept; one that the server refuses is replaced, at most once in 30 s.
func TestVaultPoolLogin(t *testing.T) {
	f := newFleet(t, func(o *sourcetest.VaultOptions) string {
		l := approle
		l.Policy = sourcetest.Policy{Read: []string{"kv/data/*", "kv/metadata/*"}, Write: []string{"kv/data/*", "kv/metadata/*"}}
		o.Logins = []sourcetest.Login{l}
		return ""
	})
	newPoolKey(t, f.home)
	f.write(f.dirs.Settings(), fmt.Sprintf("keyring = \"file\"\n[vault.%q]\nauth = [\"approle\", \"role-1\", [\"file\", %q]]\n"+
		"[pool.ci]\nstore = [\"vault\", %q, \"kv/data/pools/ci\"]\nkey = [\"env\", \"POOL_KEY\"]\nlost = \"fail\"\n", f.vault.URL(), f.dirs.Config+"/secret-id", f.vault.URL()))
	f.profile("demo", plain+fmt.Sprintf("secret = [\"vault\", %q, \"kv/data/demo#client_secret\"]\npool = \"ci\"\n", f.vault.URL()))
	renew := func() error { return f.getPooled(protocol.Request{Profile: "demo", Refresh: true}, "", f.openVault) }
	for range 3 {
		if err := renew(); err != nil {
			t.Fatal(err)
		}
		f.wait(10 * time.Minute)
	}
	f.logins(t, 1)
	f.vault.Revoke()
	if err := renew(); err != nil {
		t.Fatal(err)
	}
	f.logins(t, 2)
	f.vault.Revoke()
	f.wait(5 * time.Second)
	sealed, err := filepath.Glob(f.dirs.Run() + "/t-*") // the logins are elsewhere
	if err != nil || len(sealed) == 0 {
		t.Fatalf("%v, %v", sealed, err)
	}
	for _, path := range sealed {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, renew(), protocol.ErrPolicy, "pool ci: kv/data/pools/ci: 403 permission denied to read", "credhelper help pool")
	f.logins(t, 2)
	f.wait(2 * time.Hour) // after its lease
	if err := renew(); err != nil {
		t.Fatal(err)
	}
	f.logins(t, 3)
}
