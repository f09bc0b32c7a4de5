package vault_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/helper/pool/vault"
	"github.com/credhelper/credhelper/helper/server/sourcetest"
)

// asker asks a server with a token that it takes.
func asker(address, token string) func(context.Context, string, string, [][2]string, []byte) (oauth.Document, error) {
	c := &oauth.Client{HTTP: http.DefaultClient, Now: time.Now}
	return func(ctx context.Context, method, path string, headers [][2]string, body []byte) (oauth.Document, error) {
		d, err := c.Ask(ctx, method, address+"/v1/"+path, append(headers, [2]string{"X-Vault-Request", "true"}, [2]string{"X-Vault-Token", token}), body)
		if err != nil {
			return d, &pool.Error{Kind: pool.Silent, Text: err.Error()}
		}
		return d, nil
	}
}

const (
	keeper = "keeper's"
	reader = "reader's"
)

// policies are those of docs/pool.md.
func policies(change func(*sourcetest.VaultOptions)) sourcetest.VaultOptions {
	o := sourcetest.VaultOptions{CASRequired: true, Tokens: map[string]sourcetest.Policy{
		keeper: {Read: []string{"kv/data/pools/*", "kv/metadata/pools/*"}, Write: []string{"kv/data/pools/*", "kv/metadata/pools/*"}},
		reader: {Read: []string{"kv/data/pools/*"}, Write: []string{"kv/data/pools/ci/reported/*"}},
	}}
	if change != nil {
		change(&o)
	}
	return o
}

func open(address, token, path string) pool.Store {
	return vault.Open(vault.Config{Path: path, Now: time.Now, Ask: asker(address, token)})
}

// TestStore runs the tests of all stores on the strict server.
func TestStore(t *testing.T) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	server := sourcetest.NewVault(policies(func(o *sourcetest.VaultOptions) { o.Now = now }))
	t.Cleanup(server.Close)
	pooltest.Run(t, func(t *testing.T, name string) pool.Store {
		return vault.Open(vault.Config{Path: "kv/data/pools/" + name, Now: now, Ask: asker(server.URL(), keeper)})
	}, func(d time.Duration) { ahead.Add(int64(d)) })
	for path, versions := range server.Kept() {
		if len(versions) > 1 {
			t.Errorf("%s: %d versions are kept", path, len(versions))
		}
	}
}

// TestReader: a reader's policy is enough for what a reader does, and what it reports
// reaches the keepers.
func TestReader(t *testing.T) {
	server := sourcetest.NewVault(policies(nil))
	t.Cleanup(server.Close)
	sharing(t, open(server.URL(), keeper, "kv/data/pools/ci"), openReader(server.URL(), reader))
	for _, q := range server.Requests() {
		if q.Status == http.StatusForbidden {
			t.Errorf("%+v", q)
		}
	}
}

func openReader(address, token string) pool.Store {
	return vault.Open(vault.Config{Path: "kv/data/pools/ci", Reader: true, Now: time.Now, Ask: asker(address, token)})
}

// sharing lets a keeper put a token, and a reader take and report it.
func sharing(t *testing.T, k, r pool.Store) {
	t.Helper()
	ask := func(s pool.Store, word string) pool.Answer {
		t.Helper()
		a, err := s.Ask(t.Context(), "name", pool.Question{Check: "check", Lease: word})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ask(r, "")
	l := pool.Lease{Word: "a", Number: ask(k, "a").Lease}
	if !ask(r, "").Held {
		t.Error("not held")
	}
	if ours, err := k.Put(t.Context(), "name", l, []byte("token"), time.Hour); !ours || err != nil {
		t.Fatal(ours, err)
	}
	if a := ask(r, ""); string(a.Entry) != "token" {
		t.Errorf("%+v", a)
	}
	if err := r.Report(t.Context(), "name", l.Number); err != nil {
		t.Fatal(err)
	}
	if a := ask(k, ""); a.Reported != l.Number {
		t.Errorf("%+v", a)
	}
	if h, err := r.Health(t.Context(), pool.Question{Check: "check"}); err != nil || h.Warning != "" {
		t.Errorf("%+v, %v", h, err)
	}
}

// TestRefusals: what a server answers where the path, the engine or the policy is another
// one than the settings say, and where a value is too large.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, path string
		change     func(*sourcetest.VaultOptions)
		kind       pool.Kind
		says       string
	}{
		{"no such mount", "nope/data/ci", nil, pool.Wrong, `nope/data/ci: 404: no handler for route "nope/data/ci/name"`},
		{"a KV engine of version 1", "old/data/ci", func(o *sourcetest.VaultOptions) { o.Mounts = map[string]int{"old": 1} }, pool.Wrong,
			"what is mounted there is no KV engine of version 2"},
		{"a policy that does not allow reading", "kv/data/ci", nil, pool.Wrong, "kv/data/ci: 403 permission denied to read"},
		{"a policy that does not allow writing", "kv/data/pools/ci", func(o *sourcetest.VaultOptions) {
			o.Tokens[keeper] = sourcetest.Policy{Read: []string{"kv/data/pools/*"}}
		}, pool.Wrong, "kv/data/pools/ci: 403 permission denied to write"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := sourcetest.NewVault(policies(func(o *sourcetest.VaultOptions) {
				all := []string{"nope/*", "old/*"}
				o.Tokens[keeper] = sourcetest.Policy{Read: append(all, "kv/data/pools/*"), Write: append(all, "kv/data/pools/*")}
				if c.change != nil {
					c.change(o)
				}
			}))
			t.Cleanup(server.Close)
			_, err := open(server.URL(), keeper, c.path).Ask(t.Context(), "name", pool.Question{Check: "check", Lease: "a"})
			wants(t, err, c.kind, c.says)
		})
	}
	t.Run("a value that is too large", func(t *testing.T) {
		server := sourcetest.NewVault(policies(nil))
		t.Cleanup(server.Close)
		s := open(server.URL(), keeper, "kv/data/pools/ci")
		a, err := s.Ask(t.Context(), "name", pool.Question{Check: "check", Lease: "a"})
		if err != nil {
			t.Fatal(err)
		}
		server.Limit(1000)
		_, err = s.Put(t.Context(), "name", pool.Lease{Word: "a", Number: a.Lease}, make([]byte, 1000), time.Hour)
		wants(t, err, pool.Down, "it takes no value of that size (413)")
	})
}

func wants(t *testing.T, err error, kind pool.Kind, says string) {
	t.Helper()
	known := new(pool.Error)
	if !errors.As(err, &known) || known.Kind != kind || !strings.Contains(known.Text, says) {
		t.Errorf("%v (%+v), want %q", err, known, says)
	}
}

// TestVersionsKept: where a policy does not allow saying that one version is enough, the
// pool works, and a person is told.
func TestVersionsKept(t *testing.T) {
	server := sourcetest.NewVault(policies(func(o *sourcetest.VaultOptions) {
		o.Tokens[keeper] = sourcetest.Policy{Read: []string{"kv/data/pools/*"}, Write: []string{"kv/data/pools/*"}}
	}))
	t.Cleanup(server.Close)
	h, err := open(server.URL(), keeper, "kv/data/pools/ci").Health(t.Context(), pool.Question{Check: "check", Lease: "a"})
	if err != nil || !strings.Contains(h.Warning, "the policy does not allow reading and writing kv/metadata/pools/ci") {
		t.Errorf("%+v, %v", h, err)
	}
	most := 0
	for _, versions := range server.Kept() {
		most = max(most, len(versions))
	}
	if most < 2 {
		t.Errorf("at most %d versions: the test is blind", most)
	}
}
