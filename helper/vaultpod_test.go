package helper_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// inPodVault is a home whose secret is in a Vault at which a pod's service account logs in,
// with the token in a file.
func inPodVault(t *testing.T, address string) (h *home, file string) {
	t.Helper()
	h = newHome(t, oauthtest.Options{})
	file = h.dirs.Config + "/serviceaccount-token"
	h.write(h.dirs.Settings(), fmt.Sprintf("keyring = \"file\"\n[vault.%q]\nauth = [\"kubernetes\", \"ci\", [\"file\", %q]]\n", address, file))
	h.profile("demo", plain+fmt.Sprintf("secret = [\"vault\", %q, \"kv/data/demo#client_secret\"]\n", address))
	return h, file
}

// TestVaultPodToken: where a pod's token is none, the Vault is not asked, and the line says
// whose login it is.
func TestVaultPodToken(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(s.Close)
	h, file := inPodVault(t, s.URL)
	h.noToken(t, protocol.ErrNoSecret, "its login: file ", `auth of [vault."`+s.URL+`"] in config.toml`)
	for content, says := range map[string]string{
		"":                           "empty",
		"c4n4ry\nsecond":             "a line break",
		"c4n4ry\r\nX-Evil: 1":        "a line break",
		"c4n4ry\x00":                 "the control character U+0000",
		"\ufeffc4n4ry":               "byte order mark",
		strings.Repeat("x", 100_000): "more than 65536 bytes",
	} {
		h.write(file, content)
		h.noToken(t, protocol.ErrPolicy, "its login: ", says)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	h.noToken(t, protocol.ErrPolicy, "its login: file ")
	if asked != 0 {
		t.Errorf("%d requests", asked)
	}
}

// TestVaultPodLogin: whatever a Vault answers to the login of a pod, the line is true, has
// no part of the pod's token, and a refusal is not tried again for 30 s.
func TestVaultPodLogin(t *testing.T) {
	const refusal, trouble = 30 * time.Second, 2 * time.Second
	const pod = "eyJhbGciOiJSUzI1NiJ9.c4n4ry.signature"
	for name, c := range map[string]struct {
		status int
		body   string
		kind   error
		says   string
		pause  time.Duration // until another login is tried
	}{
		"another role":      {400, `{"errors":["invalid role name \"ci\""]}`, protocol.ErrLocked, `400: invalid role name "ci"`, refusal},
		"another namespace": {403, `{"errors":["namespace not authorized"]}`, protocol.ErrLocked, "auth/kubernetes/login: 403 permission denied", refusal},
		"expired":           {403, `{"errors":["permission denied"]}`, protocol.ErrLocked, "auth/kubernetes/login: 403 permission denied", refusal},
		"it repeats all":    {400, `{"errors":["no such token: ` + pod + `"]}`, protocol.ErrLocked, "400: no such token: ", refusal},
		"no such mount":     {404, `{"errors":["no handler for route \"auth/kubernetes/login\""]}`, protocol.ErrLocked, "404: no handler for route", refusal},
		"no reviewer":       {500, `{"errors":["lookup failed: service account unauthorized"]}`, protocol.ErrLocked, "500: lookup failed", trouble},
		"sealed":            {503, `{"errors":["Vault is sealed"]}`, protocol.ErrLocked, "sealed", trouble},
		"no token":          {200, `{"auth":{"client_token":""}}`, protocol.ErrLocked, "the answer has no token", trouble},
		"a header in it":    {200, `{"auth":{"client_token":"c4n4ry\r\nX-Evil: 1","lease_duration":60}}`, protocol.ErrLocked, "the answer has no token", trouble},
		"a wrapped token":   {200, `{"auth":null,"wrap_info":{"token":"c4n4ry"}}`, protocol.ErrLocked, "the answer has no token", trouble},
		"a page":            {200, "<html>", protocol.ErrLocked, "what is none of Vault's answers", trouble},
		"a redirect":        {307, "", protocol.ErrPolicy, "it redirects to https://evil.example, which is not followed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			logins := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if logins++; r.Method != http.MethodPost || r.URL.Path != "/v1/auth/kubernetes/login" || r.Header.Get("X-Vault-Token") != "" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.Header().Set("Location", "https://evil.example/v1/auth/kubernetes/login")
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			t.Cleanup(s.Close)
			h, file := inPodVault(t, s.URL)
			h.stop()
			h.write(file, pod+"\n")
			h.noToken(t, c.kind, c.says)
			if logins != 1 {
				t.Errorf("%d logins", logins)
			}
			if h.noToken(t, c.kind); (logins == 1) != (c.pause > 0) {
				t.Errorf("%d logins after another call", logins)
			}
			h.wait(trouble)
			if h.noToken(t, c.kind); (logins == 1) != (c.pause > trouble) {
				t.Errorf("%d logins after a moment", logins)
			}
		})
	}
}
