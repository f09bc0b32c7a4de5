//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool/kubernetes/kubetest"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/internal/program"
)

// fleet is hosts that share tokens: homes with one pool, and one client's secret.
type fleet struct {
	*server
	store *pooltest.Server // nil where it is not Redis
	where string           // the lines of config.toml that name it; the last section is [pool.ci]
	dir   string
	homes []*program.Home
}

// opened is a store that was started for a test.
type opened struct {
	where string // the lines of config.toml that name it
	empty func()
	save  func() (restore func())
}

// storeKind is a kind of store, with what starts one.
type storeKind struct {
	name string
	open func(t testing.TB) opened
}

var stores = []storeKind{
	{"redis", func(t testing.TB) opened {
		s := pooltest.StartServer(t)
		copied := func(from, to string) {
			for _, key := range strings.Fields(s.Do(t, "-n", from, "--raw", "KEYS", "*")) {
				s.Do(t, "-n", from, "COPY", key, key, "DB", to, "REPLACE")
			}
		}
		return opened{inRedis(s), func() { s.Do(t, "FLUSHDB") }, func() func() { copied("0", "1"); return func() { copied("1", "0") } }}
	}},
	{"kubernetes", func(t testing.TB) opened { return inAPIServer(t, newCluster(t), keeperToken) }},
	{"vault", func(t testing.TB) opened {
		v := newVault(t, nil)
		return opened{inVault(t, v), v.Flush, v.Save}
	}},
}

func inAPIServer(t testing.TB, s kubetest.API, token string) opened {
	return opened{inSecret(t, s, token), func() { s.SetData(poolSecret, map[string][]byte{}) },
		func() func() { all := s.Data(poolSecret); return func() { s.SetData(poolSecret, all) } }}
}

// eachStore runs a test in each kind of store, with n keepers of a pool.
func eachStore(t *testing.T, n int, test func(t *testing.T, f *fleet)) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) { test(t, newFleetAt(t, s.open(t).where, n, "")) })
	}
}

func inRedis(s *pooltest.Server) string {
	return fmt.Sprintf("[pool.ci]\nstore = [\"redis\", %q]", s.Address())
}

// newFleet makes n keepers of a pool in a store. settings are further lines of
// [pool.ci]; lost is said if they do not.
func newFleet(t testing.TB, store *pooltest.Server, n int, settings string) *fleet {
	t.Helper()
	f := newFleetAt(t, inRedis(store), n, settings)
	f.store = store
	return f
}

func newFleetAt(t testing.TB, where string, n int, settings string) *fleet {
	t.Helper()
	f := &fleet{server: newServer(t), where: where, dir: t.TempDir()}
	f.write(t, "secret", secretA)
	if settings == "" {
		settings = `lost = "alone"`
	}
	maker := f.home(t)
	if _, err := maker.Run("", "pool", "key", f.path("pool.key")); err != nil {
		t.Fatal(err)
	}
	for range n {
		f.add(t, "pool.key", settings)
	}
	return f
}

func (f *fleet) path(name string) string { return filepath.Join(f.dir, name) }

func (f *fleet) write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(f.path(name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *fleet) home(t testing.TB) *program.Home {
	t.Helper()
	return program.EmptyTestHome(t, bin)
}

// add makes a host with a key.
func (f *fleet) add(t testing.TB, key, settings string) *program.Home {
	t.Helper()
	h := f.home(t)
	f.configure(t, h, key, settings)
	err := h.AddProfile(program.Profile{Name: "jama", Origin: "https://api.example.com", TokenURL: f.URL + "/token", ClientID: "client",
		More: fmt.Sprintf("secret = [\"file\", %q]\npool = \"ci\"", f.path("secret"))})
	if err != nil {
		t.Fatal(err)
	}
	f.homes = append(f.homes, h)
	return h
}

func (f *fleet) configure(t testing.TB, h *program.Home, key, settings string) {
	t.Helper()
	text := fmt.Sprintf("%s\nkey = [\"file\", %q]\n%s\n", f.where, f.path(key), settings)
	if err := os.MkdirAll(filepath.Dir(h.Dirs.Settings()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Dirs.Settings(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// together lets all hosts call credhelper at once.
func (f *fleet) together(t testing.TB, args ...string) []result {
	t.Helper()
	results := make([]result, len(f.homes))
	f.each(func(i int, h *program.Home) { results[i] = finish(t, h.Command(args...)) })
	return results
}

// each runs do for all hosts at once.
func (f *fleet) each(do func(i int, h *program.Home)) {
	var group sync.WaitGroup
	for i, h := range f.homes {
		group.Go(func() { do(i, h) })
	}
	group.Wait()
}

// oneToken fails unless all got one and the same token. It returns the token.
func oneToken(t testing.TB, results []result) string {
	t.Helper()
	tokens := map[string]int{}
	for _, r := range results {
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%+v", r)
		}
		tokens[r.token()]++
	}
	if len(tokens) != 1 {
		t.Errorf("%d different tokens, want 1", len(tokens))
	}
	return results[0].token()
}

// TestPoolOneRequest: hosts that want the same token at once make one request; and those
// that have lost their caches make none.
func TestPoolOneRequest(t *testing.T) {
	eachStore(t, manyHosts(), func(t *testing.T, f *fleet) {
		f.slow(50 * time.Millisecond)
		results := f.together(t, patiently...)
		token := oneToken(t, results)
		figure(t, fmt.Sprintf("%d homes, cold, server 50 ms: answers", len(results)), time.Second, took(results)...)
		if n := f.requests(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		for _, h := range f.homes {
			if err := os.RemoveAll(h.Dirs.Run()); err != nil {
				t.Fatal(err)
			}
		}
		if again := oneToken(t, f.together(t, patiently...)); again != token {
			t.Error("another token")
		}
		if n := f.requests(); n != 1 {
			t.Errorf("%d requests after the caches were lost, want 1", n)
		}
	})
}
