//go:build realvault

package vault_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/helper/server/sourcetest"
)

// documented returns the policies of keepers and of readers in docs/pool.md.
func documented(t *testing.T) (keeper, reader string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/pool.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```hcl\n")
	if len(blocks) != 3 {
		t.Fatalf("%d policies, want 2", len(blocks)-1)
	}
	keeper, _, _ = strings.Cut(blocks[1], "```")
	reader, _, _ = strings.Cut(blocks[2], "```")
	return keeper, reader
}

// tokenWith makes a token with a policy.
func tokenWith(t *testing.T, r *sourcetest.Real, name, policy string) string {
	t.Helper()
	r.Do(t, http.MethodPut, "sys/policies/acl/"+name, map[string]any{"policy": policy})
	id := "token-of-" + name
	r.Do(t, http.MethodPost, "auth/token/create", map[string]any{"id": id, "policies": []string{name}, "no_parent": true})
	return id
}

// TestRealVault runs the tests of all stores on HashiCorp Vault, with an engine that
// takes nothing without check-and-set, and the policy of keepers in docs/pool.md.
func TestRealVault(t *testing.T) {
	r := sourcetest.StartReal(t)
	r.Mount(t, "kv", 2)
	r.Do(t, http.MethodPost, "kv/config", map[string]any{"cas_required": true})
	policy, _ := documented(t)
	token := tokenWith(t, r, "keeper", strings.ReplaceAll(policy, "/ci/", "/"))
	var names []string
	pooltest.Run(t, func(_ *testing.T, name string) pool.Store {
		names = append(names, name)
		return open(r.Address, token, "kv/data/pools/"+name)
	}, time.Sleep)
	often := r.Do(t, http.MethodGet, "kv/metadata/pools/"+slices.Compact(names)[1]+"/0123456789abcdef", nil) // the test "number"
	kept, _ := often["versions"].(map[string]any)
	if last, _ := often["current_version"].(float64); last < 4 || len(kept) != 1 {
		t.Errorf("%v versions, of which %d are kept: %v", last, len(kept), often)
	}
}

// TestRealVaultReader: the policies in docs/pool.md are enough for what keepers and
// readers do, and those of readers for nothing else.
func TestRealVaultReader(t *testing.T) {
	r := sourcetest.StartReal(t)
	r.Mount(t, "kv", 2)
	forKeepers, forReaders := documented(t)
	k, reads := open(r.Address, tokenWith(t, r, "keeper", forKeepers), "kv/data/pools/ci"), tokenWith(t, r, "reader", forReaders)
	sharing(t, k, openReader(r.Address, reads))
	if _, err := open(r.Address, reads, "kv/data/pools/ci").Ask(t.Context(), "other", pool.Question{Check: "check", Lease: "a"}); err == nil {
		t.Error("a reader's policy is enough to lead")
	}
	if h, err := k.Health(t.Context(), pool.Question{Check: "check", Lease: "a"}); err != nil || h.Warning != "" {
		t.Errorf("%+v, %v", h, err)
	}
}

// TestRealVaultRefusals: as TestRefusals, where the root token may do everything.
func TestRealVaultRefusals(t *testing.T) {
	r := sourcetest.StartReal(t)
	r.Mount(t, "kv", 2)
	r.Mount(t, "old", 1)
	ask := func(token, path string) error {
		_, err := open(r.Address, token, path).Ask(t.Context(), "name", pool.Question{Check: "check", Lease: "a"})
		return err
	}
	wants(t, ask(r.Token, "nope/data/ci"), pool.Wrong, `nope/data/ci: 404: no handler for route "nope/data/ci/name"`)
	wants(t, ask(r.Token, "old/data/ci"), pool.Wrong, "what is mounted there is no KV engine of version 2")
	wants(t, ask(tokenWith(t, r, "nobody", `path "kv/data/x" { capabilities = ["read"] }`), "kv/data/ci"), pool.Wrong, "kv/data/ci: 403 permission denied to read")
	wants(t, ask(tokenWith(t, r, "looks", `path "kv/data/*" { capabilities = ["read"] }`), "kv/data/ci"), pool.Wrong, "kv/data/ci: 403 permission denied to write")
	s := open(r.Address, r.Token, "kv/data/ci")
	a, err := s.Ask(t.Context(), "name", pool.Question{Check: "check", Lease: "a"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Put(t.Context(), "name", pool.Lease{Word: "a", Number: a.Lease}, make([]byte, 60_000), time.Hour)
	if err != nil {
		t.Errorf("%v", err)
	}
}
