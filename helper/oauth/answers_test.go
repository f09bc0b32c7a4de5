package oauth_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// canary is a client secret that every encoding changes.
const canary = "c4n4ry/s3cr3t+ä&=\"%"

// newServer starts a server whose client has a secret that every encoding changes.
func newServer(t testing.TB, o oauthtest.Options) *oauthtest.Server {
	t.Helper()
	if o.Clients == nil {
		o.Clients = []oauthtest.Client{{ID: "client", Secret: canary}}
	}
	return oauthtest.Start(t, o)
}

// newClient is a client of that server that never really waits.
func newClient(t testing.TB, s *oauthtest.Server) *oauth.Client {
	t.Helper()
	web, err := oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: s.RootsPEM()})
	if err != nil {
		t.Fatal(err)
	}
	return &oauth.Client{
		TokenURL: s.TokenURL(), ID: "client", Secret: secret.New(canary), Grant: "client_credentials", Auth: "basic", HTTP: web,
		Sleep: func(context.Context, time.Duration) error { return nil },
	}
}

// TestAnswers (A9, A13-A19, A21, T12, T23) gives every answer of the folder to a
// client and compares what it makes of it.
func TestAnswers(t *testing.T) {
	all, err := oauthtest.Answers()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 300 {
		t.Fatalf("only %d answers: where are the others?", len(all))
	}
	server := newServer(t, oauthtest.Options{})
	for _, a := range all {
		t.Run(a.Name, func(t *testing.T) {
			if err := server.Always(a.Name); err != nil {
				t.Fatal(err)
			}
			client := newClient(t, server)
			for _, line := range a.Client {
				set(t, client, line)
			}
			before := server.Count()
			token, err := client.Token(t.Context())
			if a.Expect == "token" {
				wantToken(t, a, token, err)
			} else {
				wantError(t, a, err, server.Count()-before)
			}
		})
	}
	if n := server.Trapped(); n != 0 {
		t.Errorf("%d connections to the target of a redirect", n)
	}
}

// set changes a client as a vector's "client" line says.
func set(t *testing.T, c *oauth.Client, line string) {
	t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	seconds, _ := strconv.Atoi(rest) // only two words have a number
	switch word {
	case "form":
		c.AllowForm = true
	case "missing-type":
		c.AllowMissingType = true
	case "types":
		c.AllowTypes = strings.Fields(rest)
	case "wide":
		c.WideToken = true
	case "require-scopes":
		c.RequireScopes = true
	case "scopes":
		c.Scopes = strings.Fields(rest)
	case "default":
		c.DefaultTTL = time.Duration(seconds) * time.Second
	case "max":
		c.MaxTTL = time.Duration(seconds) * time.Second
	default:
		t.Fatalf("client line %q", line)
	}
}

func wantToken(t *testing.T, a oauthtest.Answer, token *oauth.Token, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("got %v, want a token", err)
	}
	if !secret.ValidToken(token.Access.Reveal(), true) {
		t.Error("the token has characters that no header may carry")
	}
	for _, says := range a.Says {
		name, want, _ := strings.Cut(says, "=")
		warnings := strings.Join(token.Warnings, "|")
		switch name {
		case "life":
			if got := token.Expires.Sub(token.Sent); got != duration(t, want) {
				t.Errorf("life %v, want %s", got, want)
			}
		case "scope":
			if token.Scope != want {
				t.Errorf("scope %q, want %q", token.Scope, want)
			}
		case "refresh":
			if token.Refresh.Reveal() != want {
				t.Errorf("another refresh token than %q", want)
			}
		case "warning":
			if len(token.Warnings) > 1 || (want == "") != (warnings == "") || !strings.Contains(warnings, want) {
				t.Errorf("warnings %q, want one with %q", token.Warnings, want)
			}
		default:
			t.Fatalf("says %q", says)
		}
	}
}

func wantError(t *testing.T, a oauthtest.Answer, err error, requests int) {
	t.Helper()
	var e *oauth.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *oauth.Error", err)
	}
	if e.Kind.String() != a.Expect {
		t.Errorf("kind %v, want %s: %v", e.Kind, a.Expect, err)
	}
	if e.Tries != requests {
		t.Errorf("says %d tries, the server saw %d", e.Tries, requests)
	}
	if !strings.Contains(strings.Join(a.Says, "|"), "tries=4") && requests != 1 {
		t.Errorf("%d requests, want 1", requests)
	}
	wantOneCleanLine(t, err.Error())
	for _, says := range a.Says {
		name, want, _ := strings.Cut(says, "=")
		switch {
		case name == "tries":
			if strconv.Itoa(requests) != want {
				t.Errorf("%d requests, want %s", requests, want)
			}
		case name == "hold":
			if got := e.Hold(); got != duration(t, want) {
				t.Errorf("hold %v, want %s s", got, want)
			}
		case name == "retry-after":
			if got := e.RetryAfter.Round(10 * time.Second); e.RetryAfter != duration(t, want) && got != duration(t, want) {
				t.Errorf("retry after %v, want %s s", e.RetryAfter, want)
			}
		case strings.HasPrefix(says, "!"):
			if strings.Contains(err.Error(), says[1:]) {
				t.Errorf("%q holds %q", err, says[1:])
			}
		case !strings.Contains(err.Error(), says):
			t.Errorf("%q does not say %q", err, says)
		}
	}
}

// wantOneCleanLine (T8, T23): printable ASCII, not long, and nothing of the
// secret in any form.
func wantOneCleanLine(t *testing.T, line string) {
	t.Helper()
	if len(line) > 700 {
		t.Errorf("an error of %d bytes", len(line))
	}
	for i := range len(line) {
		if line[i] < 0x20 || line[i] > 0x7e {
			t.Errorf("byte %#x in %q", line[i], line)
		}
	}
	for name, form := range map[string]string{
		"plain": canary, "part": canary[:8], "form": url.QueryEscape(canary), "path": url.PathEscape(canary),
		"base64": base64.StdEncoding.EncodeToString([]byte(canary)), "basic": base64.StdEncoding.EncodeToString([]byte("client:" + canary)),
		"hex": hex.EncodeToString([]byte(canary)),
	} {
		if strings.Contains(line, form) {
			t.Errorf("the secret (%s) is in %q", name, line)
		}
	}
}

func duration(t *testing.T, seconds string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(seconds)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}
