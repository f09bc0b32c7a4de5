//go:build tools

package tools

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// glewlwyd starts the real server, from Debian's packages but not installed, with one client
// of its OpenID Connect plugin. It returns the plugin's address and the cookie of a user who
// has signed in there and grants the client the scope openid.
func glewlwyd(t *testing.T, id, secret, redirect string) (address, cookie string) {
	t.Helper()
	tree := os.Getenv("TOOL_GLEWLWYD")
	if tree == "" {
		t.Fatal("TOOL_GLEWLWYD is not set: run scripts/test-tools")
	}
	dir := t.TempDir()
	schema, err := os.Open(tree + "/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer schema.Close()
	unzipped, err := gzip.NewReader(schema)
	if err != nil {
		t.Fatal(err)
	}
	load := exec.Command("sqlite3", dir+"/db")
	load.Stdin = unzipped
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
	port := freePort(t) // it cannot report which port it was given
	address = fmt.Sprintf("http://127.0.0.1:%d/api", port)
	config := fmt.Sprintf(`port=%d
bind_address="127.0.0.1"
external_url="http://127.0.0.1:%d"
login_url="login.html"
api_prefix="api"
static_files_path="%[3]s/usr/share/glewlwyd/webapp/"
log_mode="console"
cookie_domain="127.0.0.1"
session_expiration=3600
session_key="SESSION"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="%[3]s/usr/lib/glewlwyd/user"
user_middleware_module_path="%[3]s/usr/lib/glewlwyd/user_middleware"
client_module_path="%[3]s/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="%[3]s/usr/lib/glewlwyd/scheme"
plugin_module_path="%[3]s/usr/lib/glewlwyd/plugin"
use_secure_connection=false
secure_connection_key_file="/nowhere"
secure_connection_pem_file="/nowhere"
secure_connection_ca_file="/nowhere"
hash_algorithm="SHA512"
database={type="sqlite3";path="%[4]s/db";};
`, port, port, tree, dir)
	if err := os.WriteFile(dir+"/conf", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(tree+"/usr/bin/glewlwyd", "--config-file="+dir+"/conf")
	libraries, err := filepath.Glob(tree + "/usr/lib/*-linux-gnu")
	if err != nil || len(libraries) != 1 {
		t.Fatalf("%v: %v", libraries, err)
	}
	server.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries[0])
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	register(t, address, id, secret, redirect)
	user := newVisitor(t, address)
	if err := user.send("POST", "/auth/", object{"username": "me", "password": "p4ssw0rd"}); err != nil {
		t.Fatal(err)
	}
	if err := user.send("PUT", "/auth/grant/"+id, object{"scope": "openid"}); err != nil {
		t.Fatal(err)
	}
	return address + "/oidc", user.cookie()
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

type object = map[string]any

// visitor is a session with Glewlwyd's API.
type visitor struct {
	http.Client
	address string
}

func newVisitor(t *testing.T, address string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{http.Client{Jar: jar}, address}
}

func (v *visitor) send(method, path string, body object) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, v.address+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := v.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s: %s", path, resp.Status, said)
	}
	return nil
}

// cookie returns the session in curl's form.
func (v *visitor) cookie() string {
	u, err := url.Parse(v.address)
	if err != nil {
		return ""
	}
	var list []string
	for _, c := range v.Jar.Cookies(u) {
		list = append(list, c.Name+"="+c.Value)
	}
	return strings.Join(list, "; ")
}

// register creates the plugin, a scope, a client and a user, as the administrator of a new
// Glewlwyd, whose password is in its documentation.
func register(t *testing.T, address, id, secret, redirect string) {
	t.Helper()
	admin := newVisitor(t, address)
	post := func(path string, body object) error { return admin.send("POST", path, body) }
	login := object{"username": "admin", "password": "password"}
	for err := post("/auth/", login); err != nil && t.Context().Err() == nil; err = post("/auth/", login) {
		time.Sleep(50 * time.Millisecond) // it is starting
	}
	for _, step := range []struct {
		path string
		body object
	}{
		{"/scope/", object{"name": "read", "display_name": "read", "password_required": false}},
		{"/mod/plugin/", object{"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": object{
			"iss": address + "/oidc", "jwt-type": "sha", "jwt-key-size": "256", "key": "a key of the server, long enough for it",
			"access-token-duration": 3600, "refresh-token-duration": 7200, "code-duration": 600, "refresh-token-rolling": true, "allow-non-oidc": true, "pkce-allowed": true,
			"auth-type-client-enabled": true, "auth-type-code-enabled": true, "auth-type-token-enabled": false, "auth-type-id-token-enabled": false,
			"auth-type-none-enabled": false, "auth-type-password-enabled": false, "auth-type-refresh-enabled": true, "scope": []any{},
			"additional-parameters": []any{}, "claims": []any{}, "jwks-show": false, "subject-type": "public",
			"address-claim": object{"type": "no"}, "name-claim": "no", "email-claim": "no", "scope-claim": "no",
		}}},
		{"/client/", object{
			"client_id": id, "name": id, "password": secret, "confidential": true, "authorization_type": []string{"client_credentials", "code", "refresh_token"},
			"token_endpoint_auth_method": []string{"client_secret_basic"}, "redirect_uri": []string{redirect}, "scope": []string{"read"}, "enabled": true,
		}},
		{"/user/", object{"username": "me", "name": "Me", "password": "p4ssw0rd", "scope": []string{"openid"}, "enabled": true}},
	} {
		if err := post(step.path, step.body); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGlewlwyd: a real server that accepts only the raw form of Basic (RFC 7617), refuses
// with an empty 403, and demands a nonce with the scope openid.
func TestGlewlwyd(t *testing.T) {
	const secret = "s3cret/+%:x"
	redirect := fmt.Sprintf("http://127.0.0.1:%d/callback", freePort(t))
	server, cookie := glewlwyd(t, "app", secret, redirect)
	w := newWorld(t)
	add := func(name, secret string, more ...string) result {
		args := []string{"credhelper", "add", name, "--preset", "oauth2", "--client-id", "app", "--secret-stdin", "--set", "token_url=" + server + "/token",
			"--set", "scopes=read", "--set", "origins=https://" + name + ".example.com"}
		return w.run(input(secret+"\n"), append(args, more...)...)
	}
	for _, c := range []struct {
		name, secret string
		more         []string
		code         int
		says         string
	}{
		{"raw", secret, []string{"--set", "basic_encoding=raw"}, 0, "ok  token"},
		{"formed", secret, nil, 7, "403: an empty body"},
		{"wrong", "another", []string{"--set", "basic_encoding=raw"}, 7, "403: an empty body"},
		{"post", secret, []string{"--set", "client_auth=post"}, 7, "403: an empty body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := add(c.name, c.secret, c.more...)
			if r.code != c.code || !strings.Contains(r.stderr, c.says) || strings.Contains(r.stderr, secret) {
				t.Errorf("exit %d, want %d and %q\n%s", r.code, c.code, c.says, r.stderr)
			}
		})
	}
	if w.token("raw") == "" {
		t.Error("no token")
	}
	if r := add("hint", secret); !strings.Contains(r.stderr, `basic_encoding = "raw"`) {
		t.Errorf("the hint does not name raw Basic\n%s", r.stderr)
	}
	t.Run("openid", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(w.bin, "xdg-open"), []byte("#!/bin/sh\nexec curl -s -L -o /dev/null -b '"+cookie+"' \"$1\"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		r := add("me", secret, "--set", "basic_encoding=raw", "--set", "grant=authorization_code", "--set", "authorization_url="+server+"/auth?g_continue=", // as its page does once the user has consented
			"--set", "redirect="+redirect, "--set", "scopes=openid", "--no-verify")
		if r.code != 0 {
			t.Fatalf("exit %d\n%s", r.code, r.stderr)
		}
		w.ok(nil, "credhelper", "login", "me", "--timeout", "60")
		if w.token("me") == "" {
			t.Error("no token")
		}
		w.ok(nil, "credhelper", "token", "me", "--refresh") // with the refresh token, without a browser
	})
}
