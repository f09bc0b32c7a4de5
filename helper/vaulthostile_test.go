package helper_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// TestVaultHostile: whatever a server answers that is asked for a secret, the call ends
// with a line, and with exit 4 ("there is no secret") only where Vault says so. The token
// endpoint is never asked, and the token of the login is in no text.
func TestVaultHostile(t *testing.T) {
	t.Parallel() // mostly waiting
	say := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	redirect := func(status int, to string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", to); w.WriteHeader(status) }
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 64<<20))
	_ = z.Close()
	const page = "it answered 200 with what is none of Vault's answers"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   error
		says   string
	}{
		"a page":         {say(200, "text/html", "<html>sign in</html>"), protocol.ErrLocked, page},
		"a proxy's 404":  {say(404, "text/html", "<html>404</html>"), protocol.ErrLocked, "it answered 404 with what"},
		"nothing":        {say(200, "application/json", ""), protocol.ErrLocked, page},
		"a list":         {say(200, "application/json", "[]"), protocol.ErrLocked, page},
		"two objects":    {say(200, "application/json", "{}{}"), protocol.ErrLocked, page},
		"a member twice": {say(200, "application/json", `{"data":{"data":{"client_secret":"a","client_secret":"b"}}}`), protocol.ErrLocked, page},
		"deep":           {say(200, "application/json", `{"data":`+strings.Repeat("[", 1<<16)), protocol.ErrLocked, page},
		"too long":       {say(200, "application/json", `{"data":{"data":{"client_secret":"`+strings.Repeat("x", 4<<20)+`"}}}`), protocol.ErrLocked, page + ": "},
		"a bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		}, protocol.ErrLocked, page},
		"a secret that is too long":  {say(200, "application/json", `{"data":{"data":{"client_secret":"`+strings.Repeat("x", 70_000)+`"}}}`), nil, ""},
		"a number":                   {say(200, "application/json", `{"data":{"data":{"client_secret":1e9}}}`), protocol.ErrPolicy, "is not a string"},
		"half a character":           {say(200, "application/json", `{"data":{"data":{"client_secret":"a\ud800"}}}`), nil, ""},
		"a byte that is none":        {say(200, "application/json", "{\"data\":{\"data\":{\"client_secret\":\"a\xff\"}}}"), nil, ""},
		"control characters":         {say(200, "application/json", `{"data":{"data":{"client_secret":"a\u0000\u001b[31m"}}}`), nil, ""},
		"data is a text":             {say(200, "application/json", `{"data":"x"}`), protocol.ErrNoSecret, "there is nothing"},
		"there is nothing":           {say(404, "application/json", `{"errors":[]}`), protocol.ErrNoSecret, "there is nothing"},
		"errors that are no list":    {say(400, "application/json", `{"errors":{"a":"b"}}`), protocol.ErrLocked, "400"},
		"an error of many lines":     {say(400, "application/json", `{"errors":["a\ncredhelper: forged\u001b[31m vault-token-c4n4ry"]}`), protocol.ErrLocked, "400"},
		"a redirect to another path": {redirect(307, "/v1/kv/data/other"), protocol.ErrPolicy, "is not followed"},
		"a redirect to a file":       {redirect(302, "file:///etc/passwd"), protocol.ErrPolicy, "it redirects to what is no address, which is not followed"},
		"a redirect to nowhere":      {redirect(301, "::"), nil, ""},
		"a redirect to elsewhere":    {redirect(308, "https://evil.example/v1/kv/data/demo"), protocol.ErrPolicy, "is not followed"},
		"a redirect with the token":  {redirect(307, "https://vault-token-c4n4ry.example/v1/kv/data/demo"), protocol.ErrPolicy, "is not followed"},
		"it hangs":                   {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, protocol.ErrLocked, "in time"},
		"it drips": {func(w http.ResponseWriter, r *http.Request) {
			for range 1000 {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		}, protocol.ErrLocked, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, oauthtest.Options{})
			s := httptest.NewServer(c.answer)
			t.Cleanup(s.Close)
			h.write(h.dirs.Config+"/token", "vault-token-c4n4ry\n")
			h.write(h.dirs.Settings(), fmt.Sprintf("keyring = \"file\"\n[vault.%q]\nauth = [\"token\", [\"file\", %q]]\n", s.URL, h.dirs.Config+"/token"))
			h.profile("demo", plain+fmt.Sprintf("secret = [\"vault\", %q, \"kv/data/demo#client_secret\"]\n", s.URL))
			_, err := h.get(protocol.Request{Profile: "demo", Refresh: true})
			if err == nil {
				t.Fatal("no error")
			}
			if c.kind != nil {
				wantError(t, err, c.kind, c.says)
			}
			if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "c4n4ry") || strings.ContainsAny(err.Error(), "\n\x1b\x00") || len(err.Error()) > 1000 {
				t.Errorf("%d bytes: %.300q", len(err.Error()), text)
			}
			t.Logf("%v", err)
			if h.server.Count() != 0 {
				t.Error("the token endpoint was asked")
			}
		})
	}
}
