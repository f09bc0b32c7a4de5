package test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// chromium returns a headless browser; the test fails if none is installed.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium: install chromium-headless-shell (Debian) or chromium")
	return ""
}

// visit opens an address in the browser and returns the page at the end of all
// redirects. It saves a screenshot in $CREDHELPER_SCREENSHOTS, if that is set.
func visit(t *testing.T, name, address string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--user-data-dir=" + t.TempDir(), "--window-size=900,600"}
	if dir := os.Getenv("CREDHELPER_SCREENSHOTS"); dir != "" {
		args = append(args, "--screenshot="+filepath.Join(dir, name+".png"))
	} else {
		args = append(args, "--dump-dom")
	}
	cmd := exec.CommandContext(ctx, chromium(t), append(args, address)...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return string(out)
}

// TestBrowser: the authorization code grant in a real browser, and the final page of each
// outcome.
func TestBrowser(t *testing.T) {
	for _, c := range []struct{ name, quirk, behaviour, title string }{
		{"good", "", "", "Signed in"},
		{"declined", "consent-denied", "", "Sign-in was declined"},
		{"state", "state-wrong", "", "This answer was not accepted"},
		{"refused", "", "error-invalid-grant", "Not signed in"},
		{"down", "", "status-500", "The server did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := oauthtest.Start(t, oauthtest.Options{Quirk: c.quirk})
			if err := server.Always(c.behaviour); err != nil {
				t.Fatal(err)
			}
			client := &oauth.Client{TokenURL: server.TokenURL(), ID: "client", Secret: secret.New("secret"), Grant: "authorization_code", Auth: "post"}
			listener, redirect, err := oauth.ListenLoopback(t.Context(), "http://127.0.0.1/callback")
			if err != nil {
				t.Fatal(err)
			}
			in, err := client.Begin(oauth.AuthorizationRequest{AuthorizationURL: server.URL() + "/authorize", Redirect: redirect, Issuer: server.Issuer(), MustIssuer: true})
			if err != nil {
				t.Fatal(err)
			}
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			done := make(chan error, 1)
			go func() {
				_, err := in.Serve(ctx, listener)
				done <- err
			}()
			page := visit(t, c.name, in.URL)
			if c.name == "state" {
				hangUp() // another state ends no sign-in: it would go on listening
			}
			if err := <-done; (err == nil) != (c.name == "good") {
				t.Error(err)
			}
			if page != "" && !strings.Contains(page, "<h1>"+c.title+"</h1>") {
				t.Errorf("the page is\n%s", page)
			}
			if os.Getenv("CREDHELPER_SCREENSHOTS") == "" && page == "" {
				t.Error("an empty page")
			}
		})
	}
}
