package helper_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/helper/server/sourcetest"
	"github.com/credhelper/credhelper/protocol"
)

// fleet is a home whose profiles take their secret from a Vault.
type fleet struct {
	*home
	vault *sourcetest.Vault
}

var approle = sourcetest.Login{Mount: "approle", Body: map[string]string{"role_id": "role-1", "secret_id": "secret-id-1"},
	Policy: sourcetest.Policy{Read: []string{"kv/data/demo"}}, Lease: time.Hour}

// newFleet has a profile "demo", a secret in kv/data/demo and a login by AppRole. change
// may change what the Vault takes and what config.toml says.
func newFleet(t *testing.T, change func(*sourcetest.VaultOptions) (section string)) *fleet {
	t.Helper()
	h := newHome(t, oauthtest.Options{})
	options := sourcetest.VaultOptions{Now: h.now, Logins: []sourcetest.Login{approle}}
	section := fmt.Sprintf("auth = [\"approle\", \"role-1\", [\"file\", %q]]\n", h.dirs.Config+"/secret-id")
	if change != nil {
		if own := change(&options); own != "" {
			section = own
		}
	}
	f := &fleet{h, sourcetest.NewVault(options)}
	t.Cleanup(f.vault.Close)
	f.vault.Put("kv/data/demo", map[string]any{"client_secret": "secret", "number": 1})
	h.write(h.dirs.Config+"/secret-id", "secret-id-1\n")
	if roots := f.vault.RootsPEM(); roots != nil {
		h.write(h.dirs.Config+"/vault.pem", string(roots))
		section += fmt.Sprintf("ca_file = %q\n", h.dirs.Config+"/vault.pem")
	}
	h.write(h.dirs.Settings(), fmt.Sprintf("keyring = \"file\"\n[vault.%q]\n%s", f.vault.URL(), section))
	f.demo("kv/data/demo#client_secret")
	return f
}

func (f *fleet) demo(word string) {
	f.profile("demo", plain+fmt.Sprintf("secret = [\"vault\", %q, %q]\n", f.vault.URL(), word))
}

// fetch asks for a new token, whatever is cached.
func (f *fleet) fetch() error {
	_, err := f.get(protocol.Request{Profile: "demo", Refresh: true})
	return err
}

func (f *fleet) logins(t *testing.T, want int) {
	t.Helper()
	if n := f.vault.Count("login"); n != want {
		t.Errorf("%d logins, want %d: %+v", n, want, f.vault.Requests())
	}
}

// TestVaultOneLogin: a hundred misses, each of another process, are one login, and
// nobody can read its token: it is in no file of the home in clear.
func TestVaultOneLogin(t *testing.T) {
	f := newFleet(t, nil)
	for range 100 {
		if err := f.fetch(); err != nil {
			t.Fatal(err)
		}
	}
	f.logins(t, 1)
	if n := f.vault.Count("kv/data/demo"); n != 100 {
		t.Errorf("%d readings: a new secret would not be seen at once", n)
	}
	for _, token := range f.vault.Tokens() {
		inFiles(t, f.dirs.State, token)
	}
}

// inFiles reports where a text is found below a directory.
func inFiles(t *testing.T, dir, text string) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if read++; bytes.Contains(content, []byte(text)) {
			t.Errorf("%s holds it", path)
		}
		return err
	})
	if err != nil || read < 3 {
		t.Errorf("%d files, %v: the test is blind", read, err)
	}
}

// TestVaultWithoutLocks: where nothing can be locked, as in a home that became read-only,
// each process logs in for itself.
func TestVaultWithoutLocks(t *testing.T) {
	f := newFleet(t, nil)
	if err := f.fetch(); err != nil {
		t.Fatal(err)
	}
	locks, err := filepath.Glob(f.dirs.Locks() + "/v-*")
	if err != nil || len(locks) != 1 {
		t.Fatalf("%v, %v: the test is blind", locks, err)
	}
	if err := os.Remove(locks[0]); err != nil {
		t.Fatal(err)
	}
	f.write(locks[0]+"/in-the-way", "")
	f.wait(2 * time.Hour) // the lease is over
	if err := f.fetch(); err != nil {
		t.Error(err)
	}
	f.logins(t, 2)
}

// TestVaultRenewSilent: a server that does not answer a renewal, such as a standby without
// its active node, is asked with the token that there is.
func TestVaultRenewSilent(t *testing.T) {
	t.Parallel() // mostly waiting
	f := newFleet(t, func(o *sourcetest.VaultOptions) string {
		l := approle
		l.Renewable = true
		o.Logins = []sourcetest.Login{l}
		return ""
	})
	active := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", strings.TrimPrefix(f.vault.URL(), "http://")
	}}
	var renewals atomic.Int64
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/renew-self") {
			renewals.Add(1)
			_, _ = io.Copy(io.Discard, r.Body) // only then the end of the connection is noticed
			<-r.Context().Done()
			return
		}
		active.ServeHTTP(w, r)
	}))
	t.Cleanup(standby.Close)
	f.write(f.dirs.Settings(), fmt.Sprintf("keyring = \"file\"\n[vault.%q]\nauth = [\"approle\", \"role-1\", [\"file\", %q]]\n", standby.URL, f.dirs.Config+"/secret-id"))
	f.profile("demo", plain+fmt.Sprintf("secret = [\"vault\", %q, \"kv/data/demo#client_secret\"]\n", standby.URL))
	if err := f.fetch(); err != nil {
		t.Fatal(err)
	}
	f.wait(45 * time.Minute) // of an hour
	if err := f.fetch(); err != nil || renewals.Load() != 1 || f.server.Count() != 2 {
		t.Errorf("%v, %d renewals, %d requests", err, renewals.Load(), f.server.Count())
	}
	f.logins(t, 1)
}

// TestVaultTogether: fifty processes at once, of ten profiles, are one login.
func TestVaultTogether(t *testing.T) {
	f := newFleet(t, nil)
	for i := range 10 {
		f.profile(fmt.Sprintf("p%d", i), fmt.Sprintf("client_id = \"client\"\ntoken_url = \"{endpoint}\"\nsecret = [\"vault\", %q, \"kv/data/demo#client_secret\"]\n", f.vault.URL()))
	}
	f.vault.Delay(20 * time.Millisecond)
	for i, a := range f.together(50, func(i int) protocol.Request {
		return protocol.Request{Verb: protocol.Get, Profile: fmt.Sprintf("p%d", i%10)}
	}) {
		if a.err != nil {
			t.Fatalf("%d: %v", i, a.err)
		}
	}
	f.logins(t, 1)
}

// TestVaultLease: after its lease a token is not used; one that the server can lengthen
// is, in the last third, until the server does not any more.
func TestVaultLease(t *testing.T) {
	f := newFleet(t, nil)
	for range 3 {
		if err := f.fetch(); err != nil {
			t.Fatal(err)
		}
		f.wait(50 * time.Minute)
	}
	f.logins(t, 2) // at 0 and 100 minutes; at 50 the first was used

	long := approle
	long.Renewable, long.Longest = true, 3*time.Hour
	f = newFleet(t, func(o *sourcetest.VaultOptions) string { o.Logins = []sourcetest.Login{long}; return "" })
	for range 11 {
		if err := f.fetch(); err != nil {
			t.Fatal(err)
		}
		f.wait(15 * time.Minute)
	}
	f.logins(t, 1)
	if n := f.vault.Count("renew-self"); n < 3 || n > 6 {
		t.Errorf("%d renewals", n)
	}
	for range 3 {
		f.wait(15 * time.Minute)
		if err := f.fetch(); err != nil {
			t.Fatal(err)
		}
	}
	f.logins(t, 2) // after 3 h
}

// TestVaultForbidden: a kept token that the server refuses is replaced by one login; a
// policy that does not allow the path is one login in 30 s, whatever is asked, and
// exit 5 with the path.
func TestVaultForbidden(t *testing.T) {
	f := newFleet(t, nil)
	if err := f.fetch(); err != nil {
		t.Fatal(err)
	}
	f.wait(time.Minute)
	f.vault.Revoke()
	if err := f.fetch(); err != nil {
		t.Fatal(err)
	}
	f.logins(t, 2)

	f.demo("kv/data/other#client_secret")
	f.wait(time.Minute)
	for range 20 {
		wantError(t, f.fetch(), protocol.ErrLocked, "vault "+f.vault.URL()+": kv/data/other: 403 permission denied", "allow reading kv/data/other")
	}
	f.logins(t, 3)
	f.wait(31 * time.Second)
	wantError(t, f.fetch(), protocol.ErrLocked)
	f.logins(t, 4)
}

// TestVaultWrongProof: a refused login is not tried in a loop, which could lock it; another
// secret id is tried at once. What was sent is in no error.
func TestVaultWrongProof(t *testing.T) {
	f := newFleet(t, func(o *sourcetest.VaultOptions) string { o.Echo = true; return "" })
	f.write(f.dirs.Config+"/secret-id", canary+"\n")
	for range 5 {
		wantError(t, f.fetch(), protocol.ErrLocked, "auth/approle/login: 400", "invalid secret id")
	}
	f.logins(t, 1)
	f.write(f.dirs.Config+"/secret-id", "secret-id-1\n")
	if err := f.fetch(); err != nil {
		t.Fatal(err)
	}
	f.logins(t, 2)
	if log, _ := os.ReadFile(f.dirs.Log()); bytes.Contains(log, []byte(canary)) {
		t.Error("it is in the log")
	}
}

// TestVaultLoginTrouble: a server in trouble may have given a lease that nobody knows of,
// so it is not asked for another one at once, whatever it says or does.
func TestVaultLoginTrouble(t *testing.T) {
	says := func(text string) func(net.Conn) { return func(c net.Conn) { _, _ = io.WriteString(c, text) } }
	for _, c := range []struct {
		name   string
		answer func(net.Conn)
		pause  time.Duration
	}{
		{"500", says("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), 2 * time.Second},
		{"429", says("HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"), 2 * time.Second},
		{"429, in 9 s", says("HTTP/1.1 429 No\r\nContent-Length: 0\r\nRetry-After: 9\r\n\r\n"), 9 * time.Second},
		{"503, in a year", says("HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 31536000\r\n\r\n"), 30 * time.Second},
		{"a page", says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"), 2 * time.Second},
		{"no token", says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), 2 * time.Second},
		{"404", says("HTTP/1.1 404 No\r\nContent-Length: 16\r\n\r\n{\"errors\":[\"x\"]}"), 30 * time.Second},
		{"it closes", func(net.Conn) {}, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t, nil)
			f.stop()
			var logins atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				logins.Add(1)
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					c.answer(conn)
					conn.Close()
				}
			}))
			t.Cleanup(s.Close)
			f.write(f.dirs.Settings(), fmt.Sprintf("keyring = \"file\"\n[vault.%q]\nauth = [\"approle\", \"role-1\", [\"file\", %q]]\n", s.URL, f.dirs.Config+"/secret-id"))
			f.profile("demo", plain+fmt.Sprintf("secret = [\"vault\", %q, \"kv/data/demo#client_secret\"]\n", s.URL))
			for range 5 {
				wantError(t, f.fetch(), protocol.ErrLocked)
			}
			if n := logins.Load(); n != 1 {
				t.Errorf("%d logins at once", n)
			}
			f.wait(c.pause - time.Second)
			wantError(t, f.fetch(), protocol.ErrLocked, "not asked again for ", "the earlier reason: ")
			f.wait(time.Second)
			wantError(t, f.fetch(), protocol.ErrLocked)
			if n := logins.Load(); n != 2 {
				t.Errorf("%d logins after %v", n, c.pause)
			}
		})
	}
}

// TestVaultTrouble: what else a Vault answers, and what is said about it.
func TestVaultTrouble(t *testing.T) {
	for _, c := range []struct {
		name, word string
		change     func(*fleet)
		kind       error
		says       []string
	}{
		{"nothing there", "kv/data/demo#client_secret", func(f *fleet) { f.vault.Revoke(); f.vault.Delete("kv/data/demo") }, protocol.ErrNoSecret,
			[]string{"kv/data/demo: its current version is deleted"}},
		{"no such field", "kv/data/demo#secret", nil, protocol.ErrNoSecret, []string{"kv/data/demo has no field secret"}},
		{"a field that is no string", "kv/data/demo#number", nil, protocol.ErrPolicy, []string{"its field number is not a string"}},
		{"sealed", "kv/data/demo#client_secret", func(f *fleet) { f.vault.Seal(true) }, protocol.ErrLocked, []string{"it is sealed, or not ready (503)", "unseal"}},
		{"down", "kv/data/demo#client_secret", func(f *fleet) { f.vault.Close() }, protocol.ErrLocked, []string{"connection refused"}},
		{"a redirect to a node that nobody named", "kv/data/demo#client_secret", func(f *fleet) { f.vault.Redirect("http://127.0.0.1:1") }, protocol.ErrPolicy,
			[]string{"it redirects to http://127.0.0.1:1, which is not followed", "nodes of [vault."}},
		{"a section without an answer to its proof", "kv/data/demo#client_secret", func(f *fleet) { os.Remove(f.dirs.Config + "/secret-id") }, protocol.ErrNoSecret,
			[]string{"secret-id: no such file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t, nil)
			f.demo(c.word)
			if c.change != nil {
				c.change(f)
			}
			began := time.Now()
			wantError(t, f.fetch(), c.kind, append(c.says, "profile demo: vault "+f.vault.URL()+": ")...)
			if took := time.Since(began); took > 30*time.Second { // it waits for nobody
				t.Errorf("it took %v", took)
			}
			if f.server.Count() != 0 {
				t.Error("the token endpoint was asked without a secret")
			}
		})
	}
}

// TestVaultNodes: a standby that redirects to a node that config.toml names is
// followed, once, and the token goes nowhere else.
func TestVaultNodes(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	active := sourcetest.NewVault(sourcetest.VaultOptions{Now: h.now, Logins: []sourcetest.Login{approle}})
	t.Cleanup(active.Close)
	active.Put("kv/data/demo", map[string]any{"client_secret": "secret"})
	f := newFleet(t, func(*sourcetest.VaultOptions) string {
		return fmt.Sprintf("auth = [\"approle\", \"role-1\", [\"env\", \"SECRET_ID\"]]\nnodes = [%q]\n", active.URL()+"/")
	})
	f.env["SECRET_ID"] = "secret-id-1"
	f.vault.Redirect(active.URL())
	if err := f.fetch(); err != nil {
		t.Fatal(err)
	}
	if n := len(active.Requests()); n != 2 {
		t.Errorf("%d requests at the active node, want 2", n)
	}
	active.Redirect(f.vault.URL())
	f.wait(2 * time.Hour) // the cached token is over, and so is the login
	wantError(t, f.fetch(), protocol.ErrPolicy, "it redirects to "+f.vault.URL())

	stranger := sourcetest.NewVault(sourcetest.VaultOptions{Logins: []sourcetest.Login{approle}})
	t.Cleanup(stranger.Close)
	f.vault.Redirect(stranger.URL())
	wantError(t, f.fetch(), protocol.ErrPolicy, "it redirects to "+stranger.URL())
	if n := len(stranger.Requests()); n != 0 {
		t.Errorf("%d requests at a node that nobody named", n)
	}
}

// TestVaultLogins: each way to log in, over TLS with a CA of its own, in a namespace,
// below another mount.
func TestVaultLogins(t *testing.T) {
	allowed := sourcetest.Policy{Read: []string{"kv/data/demo"}}
	for _, c := range []struct {
		name, section string
		login         sourcetest.Login
		logins        int
	}{
		{"a token", `auth = ["token", ["env", "VAULT_TOKEN"]]`, sourcetest.Login{}, 0},
		{"AppRole below another mount", `auth = ["approle", "r", ["env", "PROOF"]]` + "\nmount = \"ci/approle\"",
			sourcetest.Login{Mount: "ci/approle", Body: map[string]string{"role_id": "r", "secret_id": "proof"}, Policy: allowed, Lease: time.Hour}, 1},
		{"a JWT", `auth = ["jwt", "ci", ["env", "PROOF"]]`,
			sourcetest.Login{Mount: "jwt", Body: map[string]string{"role": "ci", "jwt": "proof"}, Policy: allowed, Lease: time.Hour}, 1},
		{"a pod of Kubernetes", `auth = ["kubernetes", "ci", ["env", "PROOF"]]`,
			sourcetest.Login{Mount: "kubernetes", Body: map[string]string{"role": "ci", "jwt": "proof"}, Policy: allowed, Lease: 0}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t, func(o *sourcetest.VaultOptions) string {
				o.TLS, o.Namespace, o.Logins, o.Tokens = true, "team/ci", []sourcetest.Login{c.login}, map[string]sourcetest.Policy{"hvs.given": allowed}
				return c.section + "\nnamespace = \"team/ci\"\n"
			})
			f.env["VAULT_TOKEN"], f.env["PROOF"] = "hvs.given", "proof"
			for range 2 {
				if err := f.fetch(); err != nil {
					t.Fatal(err)
				}
			}
			f.logins(t, c.logins)
			a := f.helper()
			if _, err := a.Settings(); err != nil || !strings.Contains(strings.Join(a.SourceVariables(), " "), c.section[strings.Index(c.section, `["env", "`)+9:][:5]) {
				t.Errorf("%v: other programs get the variable: %v", err, a.SourceVariables())
			}
		})
	}
}

// TestVaultKey: a private key has lines.
func TestVaultKey(t *testing.T) {
	f := newFleet(t, nil)
	f.vault.Put("kv/data/demo", map[string]any{"key": "-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n"})
	f.profile("demo", plain+fmt.Sprintf("client_auth = \"private_key_jwt\"\nassertion = { key = [\"vault\", %q, \"kv/data/demo#key\"] }\n", f.vault.URL()))
	wantError(t, f.fetch(), protocol.ErrPolicy, "key")
	if n := f.vault.Count("kv/data/demo"); n != 1 {
		t.Errorf("%d readings", n)
	}
}

// TestVaultNoStore: without a cache a process logs in for itself, and writes nothing.
func TestVaultNoStore(t *testing.T) {
	f := newFleet(t, nil)
	config := f.config()
	config.NoStore = true
	if _, err := helper.New(config).Get(t.Context(), protocol.Request{Verb: protocol.Get, Profile: "demo"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.dirs.Run()); err == nil {
		t.Error("there is a cache")
	}
	f.logins(t, 1)
}
