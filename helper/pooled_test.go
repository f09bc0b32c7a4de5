package helper_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/helper/pool/vault"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// getPooled asks as one process of a host would that opens pools.
func (h *home) getPooled(r protocol.Request, host string, open func(config.Pool, server.Asker) pool.Store) error {
	c := h.config()
	c.Host = func() string { return host }
	c.Pool = func(p config.Pool, _ secret.Text, ask server.Asker) (pool.Store, error) { return open(p, ask), nil }
	r.Verb = protocol.Get
	_, err := helper.New(c).Get(context.Background(), r)
	return err
}

func (h *home) openVault(p config.Pool, ask server.Asker) pool.Store {
	return vault.Open(vault.Config{Path: p.Path, Now: h.now, Ask: ask})
}

// newPoolKey puts a keeper's key into the variable POOL_KEY of homes.
func newPoolKey(t *testing.T, homes ...*home) {
	t.Helper()
	keeper, _, err := pool.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range homes {
		h.env["POOL_KEY"] = keeper.Reveal()
	}
}

// TestPoolWaitsGrow (A3, A12): the hosts of a pool count together what the server says: a
// refused secret, or "later", is asked about after twice as long each time, whichever host
// asks.
func TestPoolWaitsGrow(t *testing.T) {
	for behaviour, want := range map[string][]int{"status-503": {0, 5, 10, 20, 40, 60}, "error-invalid-client": {0, 30, 60, 120, 240}} {
		t.Run(behaviour, func(t *testing.T) {
			one, two := newHome(t, oauthtest.Options{}), newHome(t, oauthtest.Options{})
			two.server = one.server
			newPoolKey(t, one, two)
			names := map[*home]string{one: "demo", two: "other"}
			for h, name := range names {
				h.unwaited()
				h.write(h.dirs.Settings(), "keyring = \"file\"\n[pool.ci]\nstore = [\"redis\", \"rediss://cache.example\"]\nkey = [\"env\", \"POOL_KEY\"]\nlost = \"fail\"\n")
				h.profile(name, plain+"pool = \"ci\"\n")
				h.store(name, "secret")
			}
			store := &pooltest.Memory{Now: one.now}
			one.always(behaviour)
			var waits []time.Duration
			for last := one.now(); len(waits) < len(want); {
				if one.now().Sub(last) > 1000*time.Second {
					t.Fatalf("asked after %v, and not again", waits)
				}
				before := one.server.Count()
				for h, name := range names {
					err := h.getPooled(protocol.Request{Profile: name}, "host-"+name, func(config.Pool, server.Asker) pool.Store { return store.Store() })
					known := new(protocol.Error)
					if !errors.As(err, &known) {
						t.Fatalf("%s: %v", name, err)
					}
				}
				if one.server.Count() > before {
					waits, last = append(waits, one.now().Sub(last)), one.now()
				}
				one.wait(time.Second)
				two.wait(time.Second)
			}
			for i, least := range want { // more on a busy machine, whose time counts as well
				if waits[i] < time.Duration(least-2)*time.Second {
					t.Fatalf("asked after %v, want at least %v seconds", waits, want)
				}
			}
		})
	}
}

// TestVaultPoolEcho: what a server says of a path is shown without the token of the login,
// which it may repeat.
func TestVaultPoolEcho(t *testing.T) {
	for status, says := range map[int]string{404: "no handler for", 400: "no handler for", 403: "permission denied", 503: "sealed", 307: "is not followed"} {
		h := newHome(t, oauthtest.Options{})
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token := r.Header.Get("X-Vault-Token")
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "https://"+token+".example/v1/x")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"errors":["no handler for %s: %s"]}`, r.URL.Path, token)
		}))
		t.Cleanup(s.Close)
		newPoolKey(t, h)
		h.write(h.dirs.Config+"/token", "vault-token-c4n4ry\n")
		h.write(h.dirs.Settings(), fmt.Sprintf("keyring = \"file\"\n[vault.%q]\nauth = [\"token\", [\"file\", %q]]\n"+
			"[pool.ci]\nstore = [\"vault\", %q, \"kv/data/pools/ci\"]\nkey = [\"env\", \"POOL_KEY\"]\nlost = \"fail\"\n", s.URL, h.dirs.Config+"/token", s.URL))
		h.profile("demo", plain+"pool = \"ci\"\n")
		err := h.getPooled(protocol.Request{Profile: "demo"}, "host", h.openVault)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(fmt.Sprintf("%v %+v", err, err), "c4n4ry") {
			t.Errorf("%d: %v", status, err)
		}
	}
}
