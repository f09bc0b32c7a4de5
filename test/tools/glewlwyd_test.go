//go:build tools

package tools

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// glewlwyd starts the real one, out of Debian's packages but not installed, with one
// client of its OpenID Connect plugin, and returns the address of that.
func glewlwyd(t *testing.T, id, secret string) string {
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
	// It cannot say which port it was given, so it is told a free one.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	address := fmt.Sprintf("http://127.0.0.1:%d/api", port)
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
	register(t, address, id, secret)
	return address + "/oidc"
}

// register makes the plugin, a scope and a client, as the administrator of a new
// Glewlwyd, whose password its documentation tells.
func register(t *testing.T, address, id, secret string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	admin := &http.Client{Jar: jar}
	post := func(path string, body any) error {
		content, err := json.Marshal(body)
		if err != nil {
			return err
		}
		resp, err := admin.Post(address+path, "application/json", strings.NewReader(string(content)))
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", path, resp.Status)
		}
		return nil
	}
	login := map[string]any{"username": "admin", "password": "password"}
	for err = post("/auth/", login); err != nil && t.Context().Err() == nil; err = post("/auth/", login) {
		time.Sleep(50 * time.Millisecond) // it is starting
	}
	for _, step := range []struct {
		path string
		body map[string]any
	}{
		{"/scope/", map[string]any{"name": "read", "display_name": "read", "password_required": false}},
		{"/mod/plugin/", map[string]any{"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": map[string]any{
			"iss": address + "/oidc", "jwt-type": "sha", "jwt-key-size": "256", "key": "a key of the server, long enough for it",
			"access-token-duration": 3600, "refresh-token-duration": 7200, "code-duration": 600, "refresh-token-rolling": true, "allow-non-oidc": true,
			"auth-type-client-enabled": true, "auth-type-code-enabled": true, "auth-type-token-enabled": false, "auth-type-id-token-enabled": false,
			"auth-type-none-enabled": false, "auth-type-password-enabled": false, "auth-type-refresh-enabled": true, "scope": []any{},
			"additional-parameters": []any{}, "claims": []any{}, "jwks-show": false, "subject-type": "public",
			"address-claim": map[string]any{"type": "no"}, "name-claim": "no", "email-claim": "no", "scope-claim": "no",
		}}},
		{"/client/", map[string]any{
			"client_id": id, "name": id, "password": secret, "confidential": true, "authorization_type": []string{"client_credentials"},
			"token_endpoint_auth_method": []string{"client_secret_basic"}, "redirect_uri": []string{}, "scope": []string{"read"}, "enabled": true,
		}},
	} {
		if err := post(step.path, step.body); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGlewlwyd: a real server that takes only the raw form of Basic (RFC 7617) and
// says no with an empty 403.
func TestGlewlwyd(t *testing.T) {
	const secret = "s3cret/+%:x"
	server := glewlwyd(t, "app", secret)
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
}
