//go:build linux

package main_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/helper/pool/redis"
	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol/secret"
)

// key reads a key of the pool.
func (f *fleet) key(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(f.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// forger is somebody who has a reader's key, signs with a key of its own, and can write
// to the store.
func (f *fleet) forger(t *testing.T) *pool.Pool {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(f.key(t, "pool.key.reader"), "credhelper-pool-reader-1-"))
	if err != nil || len(b) != 64 {
		t.Fatal(err, len(b))
	}
	copy(b, bytes.Repeat([]byte{7}, 32))
	keys, err := pool.ReadKeys(secret.New("credhelper-pool-keeper-1-" + base64.RawURLEncoding.EncodeToString(b)))
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(f.store.Address())
	if err != nil {
		t.Fatal(err)
	}
	store, err := redis.Open(redis.Config{Pool: "forged", Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return &pool.Pool{Store: store, Keys: keys, Host: "evil", Now: time.Now,
		Memory: pool.Memory{Read: func() (l pool.Loss, known bool) { return }, Write: func(pool.Loss) {}, Clear: func() {}}}
}

// forge puts what a forger makes in place of what the hosts have in the store. It is not
// sealed for their name, which the forger could do; but its signature is no keeper's.
func (f *fleet) forge(t *testing.T, fetch func(context.Context) (pool.Fetched, *pool.Mark, error)) {
	t.Helper()
	f.store.Do(t, "DEL", "credhelper:forged:check")
	for _, name := range strings.Fields(f.store.Do(t, "--raw", "KEYS", "credhelper:forged:{*}")) {
		f.store.Do(t, "DEL", name)
	}
	_, _ = f.forger(t).Obtain(t.Context(), pool.Want{Time: time.Minute, Fetch: fetch, Secret: func() (uint16, bool) { return 0, false }})
	forged, ours := f.store.Do(t, "--raw", "KEYS", "credhelper:forged:{*}"), f.names(t)
	if forged == "" || len(ours) != 1 {
		t.Fatalf("%q, %v", forged, ours)
	}
	f.store.Do(t, "COPY", forged, ours[0], "REPLACE")
}

// TestPoolStolen is the section of docs/pool.md: a reader was stolen. The thief can use
// the tokens, and make nothing that a host takes, even where it can write to the store.
// After the three steps it can do neither.
func TestPoolStolen(t *testing.T) {
	t.Parallel() // mostly waiting
	var options []string
	for _, user := range accessList(t) {
		options = append(append(options, "--user"), strings.Fields(user)...)
	}
	f := newFleet(t, pooltest.StartServer(t, options...), 2, "")
	f.write(t, "keeper", "keeper-password")
	f.write(t, "reader", "reader-password")
	settings := func(h *program.Home, user, key, password string) {
		role := map[string]string{"keeper": "lost = \"alone\"", "reader": "role = \"reader\"\nlost = \"fail\""}[user]
		text := fmt.Sprintf("[pool.ci]\nstore = [\"redis\", \"redis://%s@127.0.0.1:%s\"]\nauth = [\"file\", %q]\nkey = [\"file\", %q]\n%s\n",
			user, f.store.Port, f.path(password), f.path(key), role)
		if err := os.WriteFile(h.Dirs.Settings(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reader := f.add(t, "pool.key.reader", "")
	keepers := &fleet{homes: f.homes[:2]}
	for _, h := range keepers.homes {
		settings(h, "keeper", "pool.key", "keeper")
	}
	settings(reader, "reader", "pool.key.reader", "reader")
	stolen := oneToken(t, keepers.together(t, patiently...))
	oneToken(t, f.together(t, patiently...))
	thief := f.add(t, "pool.key.reader", "")
	f.homes = f.homes[:3]
	settings(thief, "reader", "pool.key.reader", "reader")
	if r := finish(t, thief.Command(patiently...)); r.token() != stolen {
		t.Errorf("a reader can use the tokens: %+v", r)
	}

	// With the reader's password nothing of the pool can be written.
	name := f.names(t)[0]
	for _, command := range [][]string{{"HSET", name, "entry", "x"}, {"DEL", name}, {"DEL", "credhelper:ci:check"}, {"LPUSH", "credhelper:ci:log", "x"},
		{"SET", name, "x"}, {"EVAL", "return 1", "0"}, {"FLUSHALL"}, {"CONFIG", "GET", "*"}, {"SET", "other", "x"}} {
		out, _ := exec.Command("redis-cli", append([]string{"-p", f.store.Port, "--no-auth-warning", "--user", "reader", "--pass", "reader-password"}, command...)...).CombinedOutput()
		if !strings.Contains(string(out), "NOPERM") {
			t.Errorf("%v: %s", command, out)
		}
	}

	// If it can: a token, a refusal and a number that no keeper made are as if they were
	// not there.
	requests := f.requests()
	for what, fetch := range map[string]func(context.Context) (pool.Fetched, *pool.Mark, error){
		"token": func(context.Context) (pool.Fetched, *pool.Mark, error) {
			return pool.Fetched{Access: secret.New("planted-token"), Life: time.Hour}, nil, nil
		},
		"refusal": func(context.Context) (pool.Fetched, *pool.Mark, error) {
			return pool.Fetched{}, &pool.Mark{Asked: true, Reason: "planted", Rest: 600}, errors.New("planted")
		},
	} {
		f.forge(t, fetch)
		for _, h := range f.homes {
			if err := h.Empty(); err != nil {
				t.Fatal(err)
			}
		}
		if r := finish(t, reader.Command(patiently...)); r.code != 8 || !strings.Contains(r.stderr, "only reads") {
			t.Errorf("%s: reader: %+v", what, r)
		}
		if token := oneToken(t, keepers.together(t, patiently...)); !f.knows(token) {
			t.Errorf("%s: %q", what, token)
		}
		if requests++; f.requests() != requests {
			t.Errorf("%s: %d requests, want %d", what, f.requests(), requests)
		}
	}
	f.store.Do(t, "HSET", name, "number", "4503599627370496")
	if token := oneToken(t, f.together(t, patiently...)); !f.knows(token) || f.requests() != requests {
		t.Errorf("number: %q, %d requests", token, f.requests())
	}

	// The page. 1. Another password; the tokens are revoked at the server.
	f.write(t, "keeper2", "new-keeper-password")
	f.write(t, "reader2", "new-reader-password")
	old := oneToken(t, f.together(t, patiently...))
	for _, user := range []string{"keeper", "reader"} {
		f.store.Do(t, "ACL", "SETUSER", user, "resetpass", ">new-"+user+"-password")
	}
	f.store.Do(t, "CLIENT", "KILL", "TYPE", "normal")
	// 2. Other keys, and no check value of the old one.
	if _, err := f.homes[0].Run("", "pool", "key", f.path("new.key")); err != nil {
		t.Fatal(err)
	}
	f.store.Do(t, "DEL", "credhelper:ci:check")
	for _, h := range keepers.homes {
		settings(h, "keeper", "new.key", "keeper2")
	}
	settings(reader, "reader", "new.key.reader", "reader2")
	// 3. Another token for each profile.
	requests = f.requests()
	if out, err := f.homes[0].Run("", "pool", "renew", "jama"); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	for _, h := range f.homes[1:] { // the APIs refuse the old one
		if err := h.Age("jama", time.Minute); err != nil {
			t.Fatal(err)
		}
		cmd := h.Command("get", "--timeout", "120")
		cmd.Stdin = strings.NewReader(`{"profile":"jama","refused":"` + old + `"}`)
		if r := finish(t, cmd); r.code != 0 {
			t.Errorf("%+v", r)
		}
	}
	token := oneToken(t, f.together(t, patiently...))
	if n := f.requests() - requests; token == old || n != 1 {
		t.Errorf("%d requests, the old token: %v", n, token == old)
	}
	for what, change := range map[string]func(){
		"refuses the password": func() {},
		"that of another pool": func() { settings(thief, "reader", "pool.key.reader", "reader2") },
	} {
		settings(thief, "reader", "pool.key.reader", "reader")
		change()
		if err := thief.Empty(); err != nil {
			t.Fatal(err)
		}
		r := finish(t, thief.Command("token", "jama"))
		if sane(t, what, r); r.code != 9 || !strings.Contains(r.stderr, what) {
			t.Errorf("the thief: %+v", r)
		}
	}
	if dump := f.dump(t); strings.Contains(dump, token[:20]) {
		t.Error("the token is in the store")
	}
}

// TestPoolKeyChange is the section of docs/pool.md: change the key. Hosts that have only
// the old one, and hosts that have both, get one token; so do those that have only the
// new one afterwards.
func TestPoolKeyChange(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 2, "")
	if _, err := f.homes[0].Run("", "pool", "key", f.path("new.key")); err != nil {
		t.Fatal(err)
	}
	f.slow(50 * time.Millisecond)
	before := fmt.Sprintf("lost = \"alone\"\nkey_before = [\"file\", %q]", f.path("pool.key"))
	for range 2 {
		f.add(t, "new.key", before)
	}
	f.add(t, "new.key.reader", fmt.Sprintf("role = \"reader\"\nlost = \"fail\"\nkey_before = [\"file\", %q]", f.path("pool.key.reader")))
	old, both := &fleet{homes: f.homes[:2]}, &fleet{homes: f.homes[2:4]}
	first := oneToken(t, old.together(t, patiently...))
	reader := &fleet{homes: f.homes[4:]} // before a keeper has taken it over
	if token := oneToken(t, reader.together(t, patiently...)); token != first || f.requests() != 1 {
		t.Errorf("reader: %d requests, another token: %v", f.requests(), token != first)
	}
	if err := reader.homes[0].Empty(); err != nil {
		t.Fatal(err)
	}
	if token := oneToken(t, both.together(t, patiently...)); token != first || f.requests() != 1 {
		t.Errorf("%d requests, another token: %v", f.requests(), token != first)
	}
	// A new token of one that has both. The others with both follow, and the old ones keep
	// what they have.
	if out, err := both.homes[0].Run("", "pool", "renew", "jama"); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	if err := both.homes[1].Empty(); err != nil {
		t.Fatal(err)
	}
	second := oneToken(t, (&fleet{homes: f.homes[2:]}).together(t, patiently...))
	if token := oneToken(t, old.together(t, patiently...)); token != first || second == first || f.requests() != 2 {
		t.Errorf("%d requests, %v %v", f.requests(), token == first, second == first)
	}
	// A host that was forgotten is told so by what a person types; the others are well.
	for i, h := range f.homes {
		r := finish(t, h.Command("pool", "status"))
		if forgotten := i < 2; forgotten != (r.code == 9) || forgotten != strings.Contains(r.stderr, "is the earlier one") || !forgotten && r.code != 0 {
			t.Errorf("host %d: %+v", i, r)
		}
	}
	if r := finish(t, old.homes[0].Command("doctor", "jama")); r.code != 9 || !strings.Contains(r.stdout, "is the earlier one") {
		t.Errorf("%+v", r)
	}
	asked := f.requests() // with doctor's, which is none for a token
	// All have both, and then only the new one; and nobody has a cache any more.
	for _, settings := range []string{before, `lost = "alone"`} {
		for _, h := range f.homes[:4] {
			f.configure(t, h, "new.key", settings)
			if err := os.RemoveAll(h.Dirs.Run()); err != nil {
				t.Fatal(err)
			}
		}
		if token := oneToken(t, (&fleet{homes: f.homes[:4]}).together(t, patiently...)); token != second || f.requests() != asked {
			t.Errorf("%d requests, another token: %v", f.requests(), token != second)
		}
	}
}
