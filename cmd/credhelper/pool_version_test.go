//go:build linux

package main_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/internal/program"
)

// names are the keys of the store that have tokens.
func (f *fleet) names(t testing.TB) []string {
	t.Helper()
	return strings.Fields(f.store.Do(t, "--raw", "KEYS", "credhelper:ci:{*}"))
}

// newer makes the values in the store those of a release of version 2, as a keeper would.
func (f *fleet) newer(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(f.path("pool.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(strings.TrimPrefix(string(text), "credhelper-pool-keeper-1-")))
	if err != nil {
		t.Fatal(err)
	}
	names := f.names(t)
	if len(names) != 1 {
		t.Fatalf("%v", names)
	}
	_, name, _ := strings.Cut(strings.TrimSuffix(names[0], "}"), "{")
	value := f.store.Do(t, "--raw", "HGET", names[0], "entry")
	body := []byte(value[:len(value)-ed25519.SignatureSize])
	if string(body[:4]) != "CRP1" {
		t.Fatalf("%q", body[:4])
	}
	body[3] = '2'
	signature := ed25519.Sign(ed25519.NewKeyFromSeed(key[:32]), []byte("credhelper pool\x00"+name+"\x00"+string(body)))
	f.hset(t, names[0], "entry", string(body)+string(signature))
}

// hset puts bytes into a hash; redis-cli takes them from stdin.
func (f *fleet) hset(t testing.TB, key, field, value string) {
	t.Helper()
	f.store.Put(t, value, "HSET", key, field)
}

// TestPoolNewer: what a newer release wrote is told, on a host with no token and in doctor.
// Nothing is asked, and nothing is lost: not the value in the store, nor the token that a
// host has. When that release has gone, all is as before.
func TestPoolNewer(t *testing.T) {
	const says = "a newer release of credhelper writes to the store: version 2"
	for name, upgrade := range map[string]func(*fleet){
		"a value": func(f *fleet) { f.newer(t) },
		"the store": func(f *fleet) {
			check := strings.Fields(f.store.Do(t, "--raw", "HKEYS", "credhelper:ci:check"))
			f.store.Do(t, "HSET", "credhelper:ci:check", check[0], "2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, pooltest.StartServer(t), 1, "")
			reader := f.add(t, "pool.key.reader", "role = \"reader\"\nlost = \"fail\"")
			token := oneToken(t, (&fleet{homes: f.homes[:1]}).together(t, patiently...))
			upgrade(f)
			before := f.store.Do(t, "--raw", "HGETALL", f.names(t)[0])
			cold := f.add(t, "pool.key", `lost = "alone"`)
			for _, h := range []*program.Home{cold, reader} {
				requests := f.requests()
				r := finish(t, h.Command("token", "jama"))
				if sane(t, name, r); r.code != 9 || !strings.Contains(r.stderr, says) || strings.Count(r.stderr, "\n") != 2 {
					t.Errorf("%+v", r)
				}
				if n := f.requests() - requests; n != 0 {
					t.Errorf("%d requests", n)
				}
				// doctor sends the server a request that is none
				if d := finish(t, h.Command("doctor", "jama")); d.code != 9 || !strings.Contains(d.stdout, "FAIL  pool") || !strings.Contains(d.stdout, says) {
					t.Errorf("doctor: %+v", d)
				}
			}
			if r := finish(t, f.homes[0].Command("token", "jama")); r.code != 0 || r.token() != token {
				t.Errorf("the host that has a token: %+v", r)
			}
			if after := f.store.Do(t, "--raw", "HGETALL", f.names(t)[0]); after != before {
				t.Error("the store has changed")
			}
		})
	}
}

// TestPoolFrozen: what a release of version 1 wrote to a store is a token for each later
// one, under the name that the profile had then. The file and this profile never change.
func TestPoolFrozen(t *testing.T) {
	text, err := os.ReadFile("../../helper/pool/testdata/version-1.txt")
	if err != nil {
		t.Fatal(err)
	}
	frozen := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if word, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			frozen[word] = value
		}
	}
	value := func(word string) string {
		b, err := base64.StdEncoding.DecodeString(frozen[word])
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %v", word, err)
		}
		return string(b)
	}
	const profile = `origins = ["https://api.example.com"]
token_url = "https://127.0.0.1:1/token"
grant = "client_credentials"
client_id = "client"
scopes = ["read"]
secret = ["file", "/nowhere"]
pool = "ci"
`
	for _, role := range []string{"keeper", "reader"} {
		t.Run(role, func(t *testing.T) {
			store := pooltest.StartServer(t)
			f := &fleet{server: newServer(t), store: store, where: inRedis(store), dir: t.TempDir()}
			f.write(t, "key", frozen[role]+"\n")
			h := f.home(t)
			f.configure(t, h, "key", fmt.Sprintf("role = %q\nlost = \"fail\"", role))
			if err := os.MkdirAll(h.Dirs.Profiles(), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(h.Dirs.Profiles()+"/jama.toml", []byte(profile), 0o600); err != nil {
				t.Fatal(err)
			}
			key := "credhelper:ci:{" + frozen["name"] + "}"
			f.store.Do(t, "HSET", "credhelper:ci:check", frozen["check"], "1")
			f.store.Do(t, "HSET", key, "number", frozen["number"], "granted", frozen["number"], "seen", frozen["number"])
			f.hset(t, key, "entry", value("entry"))
			f.store.Put(t, value("note"), "LPUSH", "credhelper:ci:log")
			if r := finish(t, h.Command("token", "jama")); r.code != 0 || r.token() != frozen["token"] || r.stderr != "" {
				t.Errorf("%+v", r)
			}
			if r := finish(t, h.Command("pool", "log")); r.code != 0 || !strings.Contains(r.stdout, "ci-7") || !strings.Contains(r.stdout, "fetched") {
				t.Errorf("%+v", r)
			}
			f.store.Do(t, "HDEL", key, "entry")
			f.store.Do(t, "HSET", key, "until", "9007199254740991")
			f.hset(t, key, "mark", value("mark"))
			if err := h.Empty(); err != nil {
				t.Fatal(err)
			}
			if role == "reader" { // a keeper's secret is another one
				if r := finish(t, h.Command("token", "jama")); r.code != 7 || !strings.Contains(r.stderr, "ci-8 was told: 401 invalid_client") {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}
