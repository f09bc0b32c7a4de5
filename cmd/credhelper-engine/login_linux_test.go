package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/youmark/pkcs8"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// TestKeyPassword: the password of an encrypted key is asked for on the terminal without
// echo; with a wrong one nothing is stored and no server is asked.
func TestKeyPassword(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := pkcs8.MarshalPrivateKey(key, []byte(typed), nil)
	if err != nil {
		t.Fatal(err)
	}
	server := oauthtest.Start(t, oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "app", Auth: "private_key_jwt", Key: key.Public()}},
	})
	home := newHome(t)
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	add := []string{"add", "robot", "--preset", "oauth2", "--url", server.URL(), "--client-id", "app", "--set", "token_url=" + server.TokenURL(), "--key-file", file}
	for _, c := range []struct {
		password, shows string
		code, requests  int
	}{
		{"wrong", "a wrong password", 9, 0},
		{typed, `Added profile "robot"`, 0, 1},
	} {
		p := sit(t, home, add...)
		p.see("Password of " + file + ", not shown: ")
		p.typesHidden(c.password + "\n")
		if code := p.ends(); code != c.code || !strings.Contains(p.screen.String(), c.shows) || strings.Contains(p.screen.String(), typed) {
			t.Errorf("exit %d: %s", code, p.screen.String())
		}
		if n := server.Count(); n != c.requests {
			t.Errorf("%d requests", n)
		}
	}
}

// TestDeviceOnTerminal: login shows address, code and QR code on a terminal that can draw
// half blocks, and no QR code on another.
func TestDeviceOnTerminal(t *testing.T) {
	server := oauthtest.Start(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "app", Auth: "none"}}})
	home := newHome(t)
	p := sit(t, home, "add", "me", "--preset", "oidc", "--issuer", server.Issuer(), "--url", server.URL(), "--client-id", "app",
		"--set", "grant=device_code", "--set", "client_auth=none")
	if code := p.ends(); code != 0 {
		t.Fatalf("exit %d: %s", code, p.screen.String())
	}
	for locale, drawn := range map[string]bool{"LANG=C.UTF-8": true, "LANG=C": false} {
		p := sitWith(t, home, []string{locale}, "login", "me")
		p.see(" and enter  ")
		if code := p.ends(); code != 0 {
			t.Fatalf("exit %d: %s", code, p.screen.String())
		}
		if text := p.screen.String(); strings.Contains(text, "\u2588\u2588\u2588") != drawn || strings.Contains(text, "QR code below") != drawn {
			t.Errorf("%s: %s", locale, text)
		}
	}
}

// TestLoginPaste: with a browser on another machine, a sign-in ends with the address at
// which that browser ended. For another address, or the state of another sign-in, the server
// is not asked. What was pasted is not shown.
func TestLoginPaste(t *testing.T) {
	server := oauthtest.Start(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "app", Auth: "none"}}})
	home := newHome(t)
	for _, args := range [][]string{
		{"keyring", "use", "file"},
		{"add", "me", "--preset", "oidc", "--issuer", server.URL(), "--url", server.URL(), "--client-id", "app", "--set", "grant=authorization_code", "--set", "client_auth=none", "--set", "probe=/me"},
	} {
		if p := sit(t, home, args...); p.ends() != 0 {
			t.Fatal(p.screen.String())
		}
	}
	for _, c := range []struct {
		name     string
		change   func(address string) string
		code     int
		shows    string
		requests int
	}{
		{"another state", func(a string) string { return strings.Replace(a, "state=", "state=x", 1) }, 6, "another state", 0},
		{"another address", func(a string) string { return strings.Replace(a, "127.0.0.1", "127.0.0.2", 1) }, 6, "not where this sign-in ends", 0},
		{"the code alone", func(a string) string { return "code" }, 6, "not where this sign-in ends", 0},
		{"the code in another parameter", func(a string) string { return strings.Replace(a, "code=", "id_token=", 1) }, 6, "without a code", 0},
		{"two codes", func(a string) string { return a + "&code=x" }, 6, "more than once", 0},
		{"nothing", func(a string) string { return "" }, 2, "nothing was typed", 0},
		{"too long", func(a string) string { return a + "&x=" + strings.Repeat("x", 5000) }, 2, "too long for one", 0},
		{"what the browser shows", func(a string) string { return " " + a + " " }, 0, "Signed in: me.", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sit(t, home, "login", "me", "--paste")
			p.see("Paste it, not shown")
			_, rest, _ := strings.Cut(p.screen.String(), "at this address:")
			address := strings.Fields(rest)[0]
			browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			resp, err := browser.Get(address)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			back := resp.Header.Get("Location")
			p.typesHidden(c.change(back) + "\n")
			if code := p.ends(); code != c.code || !strings.Contains(p.screen.String(), c.shows) {
				t.Errorf("exit %d: %s", code, p.screen.String())
			}
			if _, query, _ := strings.Cut(back, "?"); query == "" || strings.Contains(p.screen.String(), query) {
				t.Errorf("what was pasted is shown: %q", back)
			}
			if n := server.Count(); n != c.requests {
				t.Errorf("%d requests", n)
			}
		})
	}
}
