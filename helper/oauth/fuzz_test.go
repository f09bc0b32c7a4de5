package oauth_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// canned answers every request with the same bytes.
type canned struct {
	status int
	header http.Header
	body   []byte
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: c.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: c.header.Clone(), Request: r,
		Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)),
	}, nil
}

// FuzzReply: whatever a token endpoint says, there is a token that any header
// may carry and that ends, or one clean line; never both, never more than one
// request for a final answer, never a piece of the secret (A13-A19, T12, T23).
func FuzzReply(f *testing.F) {
	all, err := oauthtest.Answers()
	if err != nil {
		f.Fatal(err)
	}
	for _, a := range all {
		if len(a.Body) < 4096 {
			f.Add(200, "application/json", strings.ReplaceAll(a.Body, "{token}", "abcdefgh"), false)
			f.Add(400, "application/x-www-form-urlencoded", a.Body, true)
		}
	}
	f.Fuzz(func(t *testing.T, status int, media, body string, form bool) {
		if status < 200 || status > 999 {
			return
		}
		transport := canned{status, http.Header{"Content-Type": {media}}, []byte(body)}
		client := &oauth.Client{
			TokenURL: "https://login.example.com/token", ID: "client", Secret: secret.New(canary), Grant: "client_credentials", Auth: "basic",
			AllowForm: form, HTTP: &http.Client{Transport: transport}, Sleep: newClock().Sleep, Now: newClock().Now,
		}
		token, err := client.Token(t.Context())
		if (token == nil) == (err == nil) {
			t.Fatalf("token %v and error %v", token, err)
		}
		if err != nil {
			var e *oauth.Error
			if !errors.As(err, &e) || e.Kind == 0 || e.Error() == "" {
				t.Fatalf("error %#v", err)
			}
			if e.Kind != oauth.Unreachable && e.Tries != 1 {
				t.Errorf("%d requests for a final answer", e.Tries)
			}
			if !strings.Contains(body, canary[:8]) {
				wantOneCleanLine(t, err.Error())
			}
			return
		}
		if status != 200 && status != 201 || !secret.ValidToken(token.Access.Reveal(), false) {
			t.Errorf("status %d gave the token %q", status, token.Access.Reveal())
		}
		if life := token.Expires.Sub(token.Sent); life <= 0 || life > 24*time.Hour {
			t.Errorf("life %v", life)
		}
		for _, w := range token.Warnings {
			wantOneCleanLine(t, w)
		}
	})
}

func newClock() *fakeClock { return &fakeClock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

// BenchmarkReply is everything but the network: the request, the vetting, the
// clean reply for x/oauth2.
func BenchmarkReply(b *testing.B) {
	body := []byte(`{"access_token":"` + strings.Repeat("x", 1200) + `","token_type":"Bearer","expires_in":3599}`)
	client := &oauth.Client{
		TokenURL: "https://login.example.com/token", ID: "client", Secret: secret.New(canary), Grant: "client_credentials", Auth: "basic",
		HTTP: &http.Client{Transport: canned{200, http.Header{"Content-Type": {"application/json"}}, body}},
	}
	for b.Loop() {
		if _, err := client.Token(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
