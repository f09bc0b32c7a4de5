//go:build linux

package main_test

import (
	"os"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/internal/program"
)

// notes returns how many tokens the pool's log has.
func (f *fleet) notes(t *testing.T) int {
	t.Helper()
	r := finish(t, f.homes[0].Command("pool", "log"))
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	return strings.Count(r.stdout, "fetched")
}

// TestPoolRenew: pool renew succeeds only if the pool has a new token. Without the store it
// fetches none, also where this host would go on alone and has a good token; and it tries a
// store that was lost at once.
func TestPoolRenew(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 2, "")
	renew := func(i int) result { return finish(t, f.homes[i].Command("pool", "renew", "jama")) }
	if r := renew(0); r.code != 0 || f.notes(t) != 1 {
		t.Fatalf("%+v", r)
	}
	where, gone := f.where, pooltest.StartServer(t)
	gone.Kill()
	f.where = inRedis(gone)
	f.configure(t, f.homes[0], "pool.key", `lost = "alone"`)
	for range 2 {
		if r := renew(0); r.code != 8 || strings.Contains(r.stdout+r.stderr, "new token") || !strings.Contains(r.stderr, "not tried again until") {
			t.Errorf("without the store: %+v", r)
		}
	}
	if n := f.requests(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	f.where = where
	f.configure(t, f.homes[0], "pool.key", `lost = "alone"`)
	if r := renew(0); r.code != 0 || f.notes(t) != 2 {
		t.Errorf("the store is back: %+v", r)
	}
	// The other host's token is older than the pool's when it renews.
	if r := finish(t, f.homes[1].Command("token", "jama")); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	renew(0)
	if r := renew(1); r.code != 0 || f.notes(t) != 4 || f.requests() != 4 {
		t.Errorf("%d tokens, %d requests: %+v", f.notes(t), f.requests(), r)
	}
}

// reader makes a reader of the pool, which is not one of the homes.
func (f *fleet) reader(t *testing.T, settings string) *program.Home {
	t.Helper()
	h := f.add(t, "pool.key.reader", "role = \"reader\"\n"+settings)
	f.homes = f.homes[:len(f.homes)-1]
	return h
}

// TestPoolTested: the pool gets the token with which a keeper tests a secret, and no wait
// that came from the earlier secret holds the others back.
func TestPoolTested(t *testing.T) {
	t.Parallel() // mostly waiting
	f := newFleet(t, pooltest.StartServer(t), 2, "")
	reader := f.reader(t, `lost = "fail"`)
	if r := finish(t, reader.Command("token", "jama")); r.code != 8 || !strings.Contains(r.stderr, "credhelper pool renew jama") {
		t.Errorf("nobody has asked: %+v", r)
	}
	f.write(t, "secret", "wrong")
	if r := finish(t, f.homes[0].Command("token", "jama")); r.code != 7 {
		t.Errorf("%+v", r)
	}
	for _, h := range []*program.Home{f.homes[1], reader} {
		if r := finish(t, h.Command("token", "jama")); r.code != 7 || (h == reader) != strings.Contains(r.stderr, "on a keeper of the pool: ") {
			t.Errorf("a wrong secret: %+v", r)
		}
		if r := finish(t, h.Command("status")); !strings.Contains(r.stdout, "refused: wait") || !strings.Contains(r.stdout, "1 needs you") {
			t.Errorf("a wrong secret: %+v", r)
		}
		if r := finish(t, h.Command("doctor", "jama")); (h == reader) != strings.Contains(r.stdout, "on a keeper of pool ci: ") {
			t.Errorf("a wrong secret: %+v", r)
		}
	}
	f.write(t, "secret", secretA)
	if r := finish(t, f.homes[0].Command("test", "jama")); r.code != 0 || f.notes(t) != 1 {
		t.Errorf("%+v", r)
	}
	before := f.requests()
	f.homes = append(f.homes, reader)
	oneToken(t, f.together(t, patiently...))
	if n := f.requests() - before; n != 0 {
		t.Errorf("%d requests, want 0", n)
	}
	if r := finish(t, reader.Command("token", "jama", "--refresh")); r.code != 8 || !strings.Contains(r.stderr, "this host is a reader") || !strings.Contains(r.stderr, "credhelper pool renew jama") {
		t.Errorf("a reader refreshes: %+v", r)
	}
	if r := finish(t, reader.Command("status")); !strings.Contains(r.stdout, "1 ready") || strings.Contains(r.stdout, "wait") {
		t.Errorf("a reader that has a token: %+v", r)
	}
}

// TestPoolLostStatus: a host that asks no server without the store, and has no token, needs
// somebody; the error says until when the store is not tried, unless pool status or doctor
// has found it back.
func TestPoolLostStatus(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 1, `lost = "fail"`)
	where, gone := f.where, pooltest.StartServer(t)
	gone.Kill()
	f.where = inRedis(gone)
	h := f.homes[0]
	f.configure(t, h, "pool.key", `lost = "fail"`)
	if r := finish(t, h.Command("token", "jama")); r.code != 8 || !strings.Contains(r.stderr, "not tried again until") {
		t.Errorf("%+v", r)
	}
	if r := finish(t, h.Command("status")); !strings.Contains(r.stdout, "waiting since") || !strings.Contains(r.stdout, "1 needs you") || !strings.Contains(r.stdout, "credhelper doctor jama") {
		t.Errorf("%+v", r)
	}
	f.where = where
	f.configure(t, h, "pool.key", `lost = "fail"`)
	if r := finish(t, h.Command("pool", "status")); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if r := finish(t, h.Command("token", "jama")); r.code != 0 {
		t.Errorf("pool status had an answer: %+v", r)
	}
}

// stored makes a keeper that keeps the client's secret itself, as a person does on one
// machine: by add. What add is given is the secret.
func (f *fleet) stored(t *testing.T, secret string, more ...string) (*program.Home, result) {
	t.Helper()
	h := f.home(t)
	if _, err := h.Run("", "keyring", "use", "file"); err != nil {
		t.Fatal(err)
	}
	chosen, err := os.ReadFile(h.Dirs.Settings())
	if err != nil {
		t.Fatal(err)
	}
	f.configure(t, h, "pool.key", `lost = "alone"`)
	section, err := os.ReadFile(h.Dirs.Settings())
	if err == nil {
		err = os.WriteFile(h.Dirs.Settings(), append(append(chosen, '\n'), section...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.homes = append(f.homes, h)
	cmd := h.Command(append([]string{"add", "jama", "--preset", "oauth2", "--url", "https://api.example.com", "--client-id", "client",
		"--set", "token_url=" + f.URL + "/token", "--set", "pool=ci", "--secret-stdin"}, more...)...)
	cmd.Stdin = strings.NewReader(secret)
	return h, finish(t, cmd)
}

// rotate gives a host another secret.
func rotate(t *testing.T, h *program.Home, secret string) result {
	t.Helper()
	cmd := h.Command("rotate", "jama", "--secret-stdin")
	cmd.Stdin = strings.NewReader(secret)
	return finish(t, cmd)
}

// TestPoolAdded: the token with which add tries a secret goes into the pool, and so does
// that of rotate.
func TestPoolAdded(t *testing.T) {
	eachStore(t, 0, func(t *testing.T, f *fleet) {
		first, r := f.stored(t, secretA)
		if r.code != 0 || f.requests() != 1 || f.notes(t) != 1 {
			t.Fatalf("add: %d requests, %d tokens in the pool: %+v", f.requests(), f.notes(t), r)
		}
		_, r = f.stored(t, secretA)
		if r.code != 0 || f.requests() != 2 || f.notes(t) != 2 {
			t.Fatalf("add on another host: %d requests, %d tokens in the pool: %+v", f.requests(), f.notes(t), r)
		}
		f.homes = append(f.homes, f.reader(t, `lost = "fail"`))
		for _, h := range f.homes {
			if err := h.Empty(); err != nil {
				t.Fatal(err)
			}
		}
		before := oneToken(t, f.together(t, patiently...))
		if n := f.requests(); n != 2 {
			t.Errorf("the hosts made %d requests of their own", n-2)
		}

		if r := rotate(t, first, secretB); r.code != 0 || f.requests() != 3 || f.notes(t) != 3 {
			t.Errorf("rotate: %d requests, %d tokens in the pool: %+v", f.requests(), f.notes(t), r)
		}
		for _, h := range f.homes[1:] {
			if err := h.Empty(); err != nil {
				t.Fatal(err)
			}
		}
		if after := oneToken(t, f.together(t, patiently...)); after == before || f.requests() != 3 {
			t.Errorf("after rotate: %d requests; another token: %v", f.requests(), after != before)
		}
	})
}

// TestPoolRotated: after a wrong secret on all hosts, which is one refused login, rotate
// with the right one on one host ends the refusal for the other keepers and the readers,
// without another request.
func TestPoolRotated(t *testing.T) {
	eachStore(t, 0, func(t *testing.T, f *fleet) {
		for range 2 {
			if _, r := f.stored(t, "wrong", "--no-verify"); r.code != 0 {
				t.Fatalf("%+v", r)
			}
		}
		f.homes = append(f.homes, f.reader(t, `lost = "fail"`))
		if r := finish(t, f.homes[1].Command(patiently...)); r.code != 7 {
			t.Errorf("%+v", r)
		}
		for _, r := range f.together(t, patiently...) {
			if r.code != 7 || r.stdout != "" {
				t.Errorf("%+v", r)
			}
		}
		if n := f.requests(); n != 1 {
			t.Fatalf("%d refused logins, want 1", n)
		}
		if r := rotate(t, f.homes[0], secretA); r.code != 0 || f.requests() != 2 || f.notes(t) != 1 {
			t.Errorf("rotate: %d requests, %d tokens in the pool: %+v", f.requests(), f.notes(t), r)
		}
		oneToken(t, f.together(t, patiently...))
		if n := f.requests(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

// TestPoolAddedWithoutStore: add and rotate succeed without the store, and say that the
// pool did not get their token.
func TestPoolAddedWithoutStore(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 0, "")
	f.store.Kill()
	h, r := f.stored(t, secretA)
	for _, r := range []result{r, rotate(t, h, secretB)} {
		if r.code != 0 || !strings.Contains(r.stderr, "the pool did not get this token: credhelper pool renew jama") {
			t.Errorf("%+v", r)
		}
	}
	if r := finish(t, h.Command("token", "jama")); r.code != 0 || f.requests() != 2 {
		t.Errorf("%d requests: %+v", f.requests(), r)
	}
}
