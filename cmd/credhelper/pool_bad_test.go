//go:build linux

package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/internal/program"
)

// manyHosts is how many hosts the tests have where one would do.
func manyHosts() int {
	if testing.Short() {
		return 8
	}
	return 50
}

// TestPoolRefused: a wrong secret on all hosts is one refused login, and none again; a
// host that has the right one asks at once, and the others follow.
func TestPoolRefused(t *testing.T) {
	eachStore(t, manyHosts(), func(t *testing.T, f *fleet) {
		f.write(t, "secret", "wrong")
		f.write(t, "corrected", secretA)
		f.slow(50 * time.Millisecond)
		for range 2 {
			for _, r := range f.together(t, patiently...) {
				if r.code != 7 || r.stdout != "" || strings.Contains(r.stderr, "wrong\n") {
					t.Errorf("%+v", r)
				}
			}
			if n := f.requests(); n != 1 {
				t.Errorf("%d refused logins, want 1", n)
			}
		}
		path := filepath.Join(f.homes[0].Dirs.Profiles(), "jama.toml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte(f.path("secret")), []byte(f.path("corrected")), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := finish(t, f.homes[0].Command(patiently...)); r.code != 0 {
			t.Fatalf("with the right secret: %+v", r)
		}
		oneToken(t, f.together(t, patiently...))
		if n := f.requests(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

// TestPoolReported: hosts that report the same refused token make one request, and all get
// the new one. The log of each says which host fetched it, under one name.
func TestPoolReported(t *testing.T) {
	eachStore(t, manyHosts(), func(t *testing.T, f *fleet) {
		old := oneToken(t, f.together(t, patiently...))
		f.slow(50 * time.Millisecond)
		for _, h := range f.homes {
			if err := h.Age("jama", time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		results := make([]result, len(f.homes))
		f.each(func(i int, h *program.Home) {
			cmd := h.Command("get", "--timeout", "120")
			cmd.Stdin = strings.NewReader(`{"profile":"jama","refused":"` + old + `"}`)
			results[i] = finish(t, cmd)
		})
		for _, r := range results {
			if r.code != 0 || strings.Contains(r.stdout, old) {
				t.Errorf("%+v", r)
			}
		}
		if n := f.requests(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
		oneToken(t, f.together(t, patiently...))
		events, names := map[string]int{}, map[string]bool{}
		for _, h := range f.homes {
			out, err := h.Run("", "log", "jama", "--json")
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out) {
				for _, event := range []string{"fetch", "pool"} {
					if strings.Contains(line, `"event":"`+event+`"`) {
						events[event]++
					}
				}
				_, rest, found := strings.Cut(line, `"token":"`)
				if found && strings.Contains(line, `"by":"`) && strings.Contains(line, `"pool":"ci"`) {
					names[rest[:8]] = true
				}
			}
		}
		if events["fetch"] != 2 || events["pool"] != 2*len(f.homes)-2 || len(names) != 2 {
			t.Errorf("%v, %d names of tokens", events, len(names))
		}
	})
}

// TestPoolSees: neither the token nor the secret, the client or the profile can be found
// in the store, in whatever form.
func TestPoolSees(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 1, "")
	token := oneToken(t, f.together(t, patiently...))
	dump := f.dump(t)
	f.write(t, "secret", "wrong-secret-canary")
	for _, name := range f.names(t) {
		f.store.Do(t, "HDEL", name, "entry")
	}
	if err := f.homes[0].Empty(); err != nil {
		t.Fatal(err)
	}
	if r := finish(t, f.homes[0].Command(patiently...)); r.code != 7 {
		t.Fatalf("%+v", r)
	}
	if dump += f.dump(t); strings.Count(dump, "CRP1") < 4 { // token, mark, two lines of the log
		t.Fatal("too few sealed values: the test is blind")
	}
	noTrace(t, dump, token[:20], secretA, "wrong-secret-canary", "client", "jama", "api.example.com", f.URL)
}

// noTrace fails if a store has one of these, in whatever form.
func noTrace(t testing.TB, dump string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret))[:len(secret)]} {
			if strings.Contains(dump, form) {
				t.Errorf("the store has %q", form)
			}
		}
	}
}

// dump returns all that the store has.
func (f *fleet) dump(t *testing.T) string {
	var dump strings.Builder
	for _, key := range strings.Fields(f.store.Do(t, "--raw", "KEYS", "*")) {
		dump.WriteString(key + "\n")
		for _, words := range [][]string{{"HGETALL", key}, {"LRANGE", key, "0", "-1"}, {"GET", key}} {
			dump.WriteString(f.store.Do(t, append([]string{"--raw"}, words...)...))
		}
	}
	return dump.String()
}

// TestPoolLost: without the store a host fetches for itself, and says so; or it fails, as
// config.toml says. It remembers that the store is lost.
func TestPoolLost(t *testing.T) {
	t.Parallel() // mostly waiting
	for _, c := range []struct {
		name  string
		lose  func(*pooltest.Server)
		least time.Duration
	}{
		{"refuses", (*pooltest.Server).Kill, 0},
		{"silent", func(s *pooltest.Server) { s.Signal(syscall.SIGSTOP) }, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, pooltest.StartServer(t), 3, "")
			fails := f.homes[2]
			f.configure(t, fails, "pool.key", `lost = "fail"`)
			c.lose(f.store)
			began := time.Now()
			r := finish(t, f.homes[0].Command("token", "jama"))
			if r.code != 0 || !strings.Contains(r.stderr, "pool ci") || strings.Count(r.stderr, "\n") != 1 || time.Since(began) < c.least {
				t.Errorf("%+v after %v", r, time.Since(began))
			}
			for range 2 {
				r = finish(t, fails.Command("token", "jama"))
				if sane(t, c.name, r); r.code != 8 || !strings.Contains(r.stderr, "its store is lost") {
					t.Errorf("%+v", r)
				}
			}
			status, err := fails.Run("", "status")
			if err != nil || !strings.Contains(status, "store of pool ci is lost") {
				t.Errorf("%s %v", status, err)
			}
			if log, err := fails.Run("", "log"); err != nil || strings.Count(log, "pool lost") != 1 {
				t.Errorf("%s %v", log, err)
			}
			if n := f.requests(); n != 1 {
				t.Errorf("%d requests", n)
			}
			if r := finish(t, fails.Command("doctor", "jama")); r.code != 9 || !strings.Contains(r.stdout, "FAIL  pool") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestPoolReader: a reader has no client secret, and takes the token; where there is none
// it says who could ask. A reader's key on a keeper is an error.
func TestPoolReader(t *testing.T) {
	t.Parallel() // mostly waiting
	eachStore(t, 1, func(t *testing.T, f *fleet) {
		reader := f.add(t, "pool.key.reader", "role = \"reader\"\nlost = \"fail\"")
		path := filepath.Join(reader.Dirs.Profiles(), "jama.toml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte(f.path("secret")), []byte("/nowhere"), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		visits := 0
		r := finish(t, reader.Command("token", "jama"))
		if sane(t, "reader", r); r.code != 8 || !strings.Contains(r.stderr, "keeper") {
			t.Errorf("%+v", r)
		}
		doctor := func() result { // it sends the server a request that is none
			before := f.requests()
			r := finish(t, reader.Command("doctor", "jama"))
			visits += f.requests() - before
			return r
		}
		if d := doctor(); d.code != 9 || !strings.Contains(d.stdout, "FAIL  pool ") || !strings.Contains(d.stdout, "profile jama: pool ci: there is no token, and this host only reads") {
			t.Errorf("doctor: %+v", d)
		}
		oneToken(t, f.together(t, patiently...))
		if d := doctor(); d.code != 0 || !strings.Contains(d.stdout, "jama: the pool has its token, fetched by ") {
			t.Errorf("doctor: %+v", d)
		}
		if r := finish(t, reader.Command("pool", "renew", "jama")); r.code != 9 {
			t.Errorf("%+v", r)
		}
		if r := finish(t, reader.Command("test", "jama")); r.code != 9 {
			t.Errorf("%+v", r)
		}
		f.configure(t, reader, "pool.key.reader", `lost = "fail"`)
		if err := reader.Empty(); err != nil {
			t.Fatal(err)
		}
		if r := finish(t, reader.Command("token", "jama", "--refresh")); r.code != 9 || !strings.Contains(r.stderr, "reader's") {
			t.Errorf("%+v", r)
		}
		if n := f.requests() - visits; n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// TestPoolWrong: everything that can be wrong has a line of its own and an exit code, and
// doctor says the same.
func TestPoolWrong(t *testing.T) {
	keys := t.TempDir()
	maker := program.EmptyTestHome(t, bin)
	other := filepath.Join(keys, "other")
	if _, err := maker.Run("", "pool", "key", other); err != nil {
		t.Fatal(err)
	}
	if r := finish(t, maker.Command("pool", "key", other)); r.code != 9 || !strings.Contains(r.stderr, "never overwritten") {
		t.Errorf("%+v", r)
	}
	const alone = "lost = \"alone\"\n"
	for _, c := range []struct {
		name     string
		server   []string
		do       []string // a command of redis-cli after the first token
		settings string
		key      string
		code     int
		says     string
	}{
		{"password", []string{"--requirepass", "right"}, nil, alone, "", 9, "it wants a password"},
		{"wrong password", []string{"--requirepass", "right"}, nil, alone + "auth = [\"command\", \"/bin/echo\", \"false\"]", "", 9, "refuses the password"},
		{"no password there", nil, nil, alone + "auth = [\"command\", \"/bin/echo\", \"false\"]", "", 9, "refuses the password"},
		{"no scripts", nil, []string{"ACL", "SETUSER", "default", "-@scripting"}, alone, "", 9, "access list"},
		{"cluster", []string{"--cluster-enabled", "yes"}, nil, alone, "", 9, "cluster mode is not supported"},
		{"another pool's key", nil, nil, alone, other, 9, "that of another pool"},
		{"a damaged key", nil, nil, alone, "short", 9, "is damaged"},
		{"no key", nil, nil, alone, "none", 9, "key of [pool.ci] in config.toml says where it comes from"},
		{"replica", nil, []string{"REPLICAOF", "127.0.0.1", "1"}, "lost = \"fail\"", "", 8, "replica"},
		{"full", nil, []string{"CONFIG", "SET", "maxmemory", "1"}, "lost = \"fail\"", "", 8, "its memory is full"},
		{"another release", nil, []string{"EVAL", "for _, k in ipairs(redis.call('HKEYS', 'credhelper:ci:check')) do redis.call('HSET', 'credhelper:ci:check', k, '2') end return 1", "0"}, alone, "", 9, "a newer release"},
		{"no auth", nil, nil, alone + "auth = [\"file\", \"/nowhere/password\"]", "", 9, "auth of [pool.ci] in config.toml says where it comes from"},
		{"lost is missing", nil, nil, "", "", 9, "has to be said"},
		{"role", nil, nil, alone + "role = \"boss\"", "", 9, "\"keeper\" or \"reader\""},
		{"no server", nil, nil, "lost = \"fail\"\nca_file = \"x\"", "", 9, "absolute path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t, pooltest.StartServer(t, c.server...), 1, "")
			f.write(t, "short", "credhelper-pool-keeper-1-AAAA")
			h := f.homes[0]
			if c.key == other || c.do != nil { // somebody has been there
				if r := finish(t, h.Command("token", "jama")); r.code != 0 {
					t.Fatalf("%+v", r)
				}
			}
			if c.code == 8 { // a store that can be read, and has a token, is good enough
				f.store.Do(t, "FLUSHALL")
			}
			if c.do != nil {
				f.store.Do(t, c.do...)
			}
			key := "pool.key"
			switch c.key {
			case "":
			case other:
				content, err := os.ReadFile(other)
				if err != nil {
					t.Fatal(err)
				}
				f.write(t, "other", string(content))
				key = "other"
			default:
				key = c.key
			}
			before := f.requests()
			f.configure(t, h, key, c.settings)
			if err := h.Empty(); err != nil {
				t.Fatal(err)
			}
			r := finish(t, h.Command("token", "jama", "--refresh"))
			if sane(t, c.name, r); r.code != c.code || !strings.Contains(r.stderr, c.says) {
				t.Errorf("%+v", r)
			}
			if n := f.requests(); n != before {
				t.Errorf("%d requests", n-before)
			}
			d := finish(t, h.Command("doctor", "jama"))
			if d.code != 9 || !strings.Contains(d.stdout+d.stderr, c.says) {
				t.Errorf("doctor: %+v", d)
			}
		})
	}
}

// TestPoolAccessList: doctor notices each command that the access list of docs/pool.md
// gives, if a host's does not, before a token is lost by it.
func TestPoolAccessList(t *testing.T) {
	var options []string
	for _, user := range accessList(t) {
		options = append(append(options, "--user"), strings.Fields(user)...)
	}
	f := newFleet(t, pooltest.StartServer(t, options...), 1, "")
	f.add(t, "pool.key.reader", "")
	for i, user := range []string{"keeper", "reader"} {
		f.write(t, user, user+"-password")
		text := fmt.Sprintf("[pool.ci]\nstore = [\"redis\", \"redis://%s@127.0.0.1:%s\"]\nauth = [\"file\", %q]\nkey = [\"file\", %q]\nlost = \"fail\"\nrole = %q\n",
			user, f.store.Port, f.path(user), f.path([]string{"pool.key", "pool.key.reader"}[i]), user)
		if err := os.WriteFile(f.homes[i].Dirs.Settings(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	status := func(i int) result { return finish(t, f.homes[i].Command("pool", "status")) }
	for i, user := range []string{"keeper", "reader"} {
		if r := status(i); r.code != 0 {
			t.Fatalf("%s: %+v", user, r)
		}
		commands := map[string]string{
			"keeper": "hget hmget hset hdel lpush ltrim lrange evalsha get del pexpire time",
			"reader": "hgetall hmget time set lrange",
		}[user]
		for _, command := range strings.Fields(commands) {
			f.store.Do(t, "ACL", "SETUSER", user, "-"+command)
			r := status(i)
			if sane(t, command, r); r.code != 9 || !strings.Contains(r.stderr, "its access list does not allow it") {
				t.Errorf("%s without %s: %+v", user, command, r)
			}
			f.store.Do(t, "ACL", "SETUSER", user, "+"+command)
		}
	}
	f.store.Do(t, "ACL", "SETUSER", "keeper", "-info")
	if r := status(0); r.code != 0 || !strings.Contains(r.stderr, "whether it evicts tokens is not known") {
		t.Errorf("without info: %+v", r)
	}
	time.Sleep(1100 * time.Millisecond)
	if left := f.names(t); len(left) != 0 {
		t.Errorf("left in the store: %v", left)
	}
}

// TestPoolSettings: what cannot be shared, or would be sent in clear, is exit 9 before
// anybody is asked.
func TestPoolSettings(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 1, "")
	h := f.homes[0]
	for _, c := range []struct{ more, says string }{
		{"grant = \"authorization_code\"\nauthorization_url = \"https://login.example/a\"\nclient_auth = \"none\"", "a person's"},
		{"grant = \"token_exchange\"\nsubject_token = [\"env\", \"X\"]", "act for whoever"},
	} {
		err := h.AddProfile(program.Profile{Name: "other", Origin: "https://other.example.com", TokenURL: f.URL + "/token", ClientID: "client", More: c.more + "\npool = \"ci\""})
		if err != nil {
			t.Fatal(err)
		}
		if r := finish(t, h.Command("token", "other")); r.code != 9 || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%+v", r)
		}
	}
	for _, c := range []struct{ store, says string }{
		{"redis://cache.example:6379", "in clear"}, {"redis://:secret@127.0.0.1", "password is not written here"}, {"http://127.0.0.1", "begins with rediss://"},
	} {
		text := fmt.Sprintf("[pool.ci]\nstore = [\"redis\", %q]\nkey = [\"file\", %q]\nlost = \"fail\"\n", c.store, f.path("pool.key"))
		if err := os.WriteFile(h.Dirs.Settings(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := finish(t, h.Command("token", "jama")); r.code != 9 || !strings.Contains(r.stderr, c.says) || strings.Contains(r.stderr, "secret@") {
			t.Errorf("%+v", r)
		}
	}
	if err := os.WriteFile(h.Dirs.Settings(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := finish(t, h.Command("token", "jama")); r.code != 9 || !strings.Contains(r.stderr, "no section [pool.ci]") {
		t.Errorf("%+v", r)
	}
	if n := f.requests(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestPoolCommands: status asks the store, renew gives all hosts another token, and log
// says who fetched.
func TestPoolCommands(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), 2, "")
	first := oneToken(t, f.together(t, patiently...))
	r := finish(t, f.homes[0].Command("pool", "status"))
	if r.code != 0 || !strings.Contains(r.stdout, "keeper") || !strings.Contains(r.stderr, "allkeys-lru") {
		t.Errorf("%+v", r)
	}
	if out, err := f.homes[0].Run("", "pool", "renew", "jama"); err != nil {
		t.Errorf("%s %v", out, err)
	}
	if err := f.homes[1].Empty(); err != nil {
		t.Fatal(err)
	}
	if next := oneToken(t, f.together(t, patiently...)); next == first || f.requests() != 2 {
		t.Errorf("%d requests, another token: %v", f.requests(), next != first)
	}
	if out, err := f.homes[0].Run("", "doctor", "jama"); !strings.Contains(out, "allkeys-lru") {
		t.Errorf("%s %v", out, err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := f.homes[1].Run("", "pool", "log"); err != nil || strings.Count(out, host+"  ") != 2 || strings.Count(out, "fetched") != 2 {
		t.Errorf("%s %v", out, err)
	}
	if out, err := f.homes[1].Run("", "status"); err != nil || !strings.Contains(out, "pool ci, fetched by "+host) {
		t.Errorf("%s %v", out, err)
	}
}

// TestPoolTLS: with TLS, an access list for keepers, and one for readers that can only
// read, all works; a server whose certificate cannot be trusted gets no password.
func TestPoolTLS(t *testing.T) {
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	out, err := exec.Command(need(t, "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	options := []string{"--port", "0", "--tls-port", "PORT", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no", "--tls-ca-cert-file", cert,
		"--user", "default", "off"}
	for _, user := range accessList(t) {
		options = append(append(options, "--user"), strings.Fields(user)...)
	}
	store := pooltest.StartServer(t, options...)
	f := newFleet(t, store, 2, "lost = \"fail\"")
	f.write(t, "keeper", "keeper-password")
	f.write(t, "reader", "reader-password")
	reader := f.add(t, "pool.key.reader", "")
	settings := func(h *program.Home, user, key, more string) {
		text := fmt.Sprintf("[pool.ci]\nstore = [\"redis\", \"rediss://%s@127.0.0.1:%s\"]\nauth = [\"file\", %q]\nkey = [\"file\", %q]\nlost = \"fail\"\n%s\n",
			user, store.Port, f.path(user), f.path(key), more)
		if err := os.WriteFile(h.Dirs.Settings(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ca := fmt.Sprintf("ca_file = %q", cert)
	for _, h := range f.homes[:2] {
		settings(h, "keeper", "pool.key", ca)
	}
	settings(reader, "reader", "pool.key.reader", "role = \"reader\"\n"+ca)
	keepers := *f
	keepers.homes = f.homes[:2]
	token := oneToken(t, keepers.together(t, patiently...))
	if r := finish(t, reader.Command("token", "jama")); r.code != 0 || r.token() != token {
		t.Errorf("reader: %+v", r)
	}
	for _, h := range f.homes {
		if r := finish(t, h.Command("pool", "status")); r.code != 0 {
			t.Errorf("%+v", r)
		}
	}
	if err := reader.Age("jama", time.Minute); err != nil {
		t.Fatal(err)
	}
	cmd := reader.Command("get")
	cmd.Stdin = strings.NewReader(`{"profile":"jama","refused":"` + token + `"}`)
	if r := finish(t, cmd); r.code != 8 {
		t.Errorf("a report: %+v", r)
	}
	for _, h := range f.homes {
		if err := h.Empty(); err != nil {
			t.Fatal(err)
		}
	}
	settings(reader, "reader", "pool.key", ca) // as a keeper: the access list does not allow it
	if r := finish(t, reader.Command("token", "jama", "--refresh")); r.code != 9 || !strings.Contains(r.stderr, "access list") {
		t.Errorf("%+v", r)
	}
	settings(f.homes[0], "keeper", "pool.key", "")
	if r := finish(t, f.homes[0].Command("token", "jama", "--refresh")); r.code != 9 || !strings.Contains(r.stderr, "cannot be trusted") {
		t.Errorf("%+v", r)
	}
	if n := f.requests(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// poolPage is docs/pool.md.
func poolPage(t testing.TB) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/pool.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// onPoolPage is what follows the first line, or lines, of a block of docs/pool.md.
func onPoolPage(t testing.TB, begin string) string {
	t.Helper()
	_, rest, _ := strings.Cut(poolPage(t), "```"+begin)
	block, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatalf("docs/pool.md has no block that begins with %q", begin)
	}
	return block
}

// accessList is the one of docs/pool.md, with passwords.
func accessList(t *testing.T) (users []string) {
	t.Helper()
	for line := range strings.Lines(poolPage(t)) {
		if user, found := strings.CutPrefix(line, "user credhelper-"); found {
			users = append(users, strings.ReplaceAll(strings.TrimSpace(user), "PASSWORD", strings.Fields(user)[0]+"-password"))
		}
	}
	if len(users) != 2 {
		t.Fatalf("%d users in docs/pool.md: the test is blind", len(users))
	}
	return users
}
