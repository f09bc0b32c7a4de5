//go:build linux && realvault

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/server/sourcetest"
)

// TestRealVaultPool: hosts that share a token in HashiCorp Vault, with the policy of
// keepers in docs/pool.md, make one request; and one for all after an API refused it.
func TestRealVaultPool(t *testing.T) {
	r := sourcetest.StartReal(t)
	r.Mount(t, "kv", 2)
	r.AppRole(t, vaultRole, vaultSecret, onPoolPage(t, "hcl\n"), nil)
	secret := filepath.Join(t.TempDir(), "secret-id")
	if err := os.WriteFile(secret, []byte(vaultSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFleetAt(t, fmt.Sprintf("[vault.%q]\nauth = [\"approle\", %q, [\"file\", %q]]\n[pool.ci]\nstore = [\"vault\", %q, \"kv/data/pools/ci\"]",
		r.Address, vaultRole, secret, r.Address), 8, "")
	f.slow(50 * time.Millisecond)
	token := oneToken(t, f.together(t, patiently...))
	if n := f.requests(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	before := f.requests()
	if r := finish(t, f.homes[0].Command("pool", "renew", "jama")); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	for _, h := range f.homes[1:] {
		if err := os.RemoveAll(h.Dirs.Run()); err != nil {
			t.Fatal(err)
		}
	}
	if next := oneToken(t, f.together(t, patiently...)); next == token {
		t.Error("the same token")
	}
	if n := f.requests() - before; n != 1 {
		t.Errorf("%d requests after pool renew, want 1", n)
	}
	if r := finish(t, f.homes[1].Command("doctor", "jama")); strings.Contains(r.stdout+r.stderr, "old versions") || !strings.Contains(r.stdout, "answered in") {
		t.Errorf("%+v", r)
	}
	if r := finish(t, f.homes[1].Command("pool", "log")); r.code != 0 || strings.Count(r.stdout, "fetched") != 2 {
		t.Errorf("%+v", r)
	}
}
