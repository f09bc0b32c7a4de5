//go:build linux

package main_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/internal/program"
)

// TestDoorPool: the guests of a door whose profile is in a pool use the token of the pool.
// The door may be on a reader, which has no client secret: without a keeper's token the
// guest reads what is missing, and with it the API's answer, also after the store is gone.
// The store never sees what was lent.
func TestDoorPool(t *testing.T) {
	server, err := oauthtest.New(oauthtest.Options{Product: "jama", Fault: t.Errorf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	f := newFleet(t, pooltest.StartServer(t), 0, "")
	host := func(settings, key string, add ...string) *program.Home {
		t.Helper()
		h, err := program.NewHome(t.TempDir(), bin)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.Close)
		chosen, err := os.ReadFile(h.Dirs.Settings()) // which keyring
		if err != nil {
			t.Fatal(err)
		}
		f.configure(t, h, key, settings)
		section, err := os.ReadFile(h.Dirs.Settings())
		if err == nil {
			err = os.WriteFile(h.Dirs.Settings(), append(append(chosen, '\n'), section...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Run("secret", append([]string{"add", "jama", "--preset", "jama", "--url", server.APIURL(), "--client-id", "client", "--set", "pool=ci", "--no-verify"}, add...)...); err != nil {
			t.Fatal(err)
		}
		return h
	}
	keeper := host(`lost = "alone"`, "pool.key", "--secret-stdin")
	reader := host("role = \"reader\"\nlost = \"fail\"", "pool.key.reader", "--set", "secret=file /nowhere/secret")

	d := &jamaDoor{home: reader, server: server, client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(d.client.CloseIdleConnections)
	d.id, d.secret = d.lend(t, "jci")
	d.open(t)
	a := d.send(t, "POST", "/rest/oauth/token", basic(d.id, d.secret), url.Values{"grant_type": {"client_credentials"}})
	if a.status != 503 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "there is no token, and this host only reads") {
		t.Errorf("without a keeper: %+v", a)
	}
	if server.Count() != 0 {
		t.Fatalf("a reader's door made %d token requests", server.Count())
	}
	if _, err := keeper.Run("", "token", "jama"); err != nil {
		t.Fatal(err)
	}
	local := d.token(t)
	answers := func(when string) {
		t.Helper()
		for name, authorization := range map[string]string{"the local token": "Bearer " + local, "the secret": basic(d.id, d.secret)} {
			if a := d.send(t, "GET", jamaUser, authorization, nil); a.status != 200 || !strings.Contains(a.body, "james@example.com") {
				t.Errorf("%s, %s: %+v", when, name, a)
			}
		}
	}
	answers("with a keeper")
	noTrace(t, f.dump(t), d.secret, strings.TrimPrefix(local, "chd_"), "jci", "jama")
	f.store.Kill()
	answers("without the store")
	d.close()
	d.open(t)
	answers("a door that starts without the store")
	if n := server.Count(); n != 1 {
		t.Errorf("%d token requests", n)
	}
	for _, c := range server.Calls() {
		if got := c.Header.Get("Authorization"); strings.Contains(got, local) || strings.Contains(got, d.secret) {
			t.Errorf("the API got what was lent: %q", got)
		}
	}
}
