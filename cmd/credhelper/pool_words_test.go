//go:build linux

package main_test

import (
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/helper/server/sourcetest"
)

// says fails unless a command ends with this exit code and says all of the words.
func says(t *testing.T, r result, code int, words ...string) {
	t.Helper()
	sane(t, "", r)
	for _, w := range words {
		if r.code != code || !strings.Contains(r.stderr, w) {
			t.Errorf("%+v, want exit %d and %q", r, code, w)
		}
	}
}

// TestPoolNames: the name of a pool where a profile is wanted, and the other way round.
func TestPoolNames(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 1, "")
	h := f.homes[0]
	says(t, finish(t, h.Command("pool", "renew", "ci")), 3, "ci is a pool, not a profile", "credhelper pool renew jama")
	for _, verb := range []string{"status", "log"} {
		says(t, finish(t, h.Command("pool", verb, "jama")), 3, "jama is a profile, with the pool ci", "name the pool, ci")
	}
	says(t, finish(t, h.Command("pool", "status", "nope")), 3, "no pool nope")
	says(t, finish(t, h.Command("pool", "renew", "nope")), 3, "credhelper add nope")
	if n := f.requests(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestPoolHints: outside a pod, without a Secret, and where Vault refuses a login or is not there, the advice
// is what to look at.
func TestPoolHints(t *testing.T) {
	empty := newCluster(t)
	empty.Delete(poolSecret)
	for _, c := range []struct {
		name, where string
		code        int
		says        []string
	}{
		{"no pod", "[pool.ci]\nstore = [\"kubernetes\", \"team/credhelper-pool\"]", 9, []string{"this is no pod of Kubernetes", "elsewhere address of [pool.ci]"}},
		{"no Secret", inSecret(t, empty, keeperToken), 9, []string{"there is no Secret team/credhelper-pool\n", "empty: kubectl -n team create secret generic credhelper-pool\n"}},
		{"refused login", inVault(t, newVault(t, func(o *sourcetest.VaultOptions) { o.Logins[0].Body["secret_id"] = "another" })),
			9, []string{"auth/approle/login: 400", "is what auth of [vault.", "a secret id or token can end"}},
		{"nobody there", "[vault.\"http://127.0.0.1:1\"]\nauth = [\"approle\", \"role\", [\"command\", \"/bin/echo\", \"id\"]]\n[pool.ci]\nstore = [\"vault\", \"http://127.0.0.1:1\", \"kv/data/ci\"]",
			8, []string{"no connection: connection refused", "its address in config.toml right?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleetAt(t, c.where, 1, `lost = "fail"`)
			says(t, finish(t, f.homes[0].Command("pool", "status")), c.code, c.says...)
		})
	}
}
