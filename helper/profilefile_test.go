package helper_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// badProfiles reads the vectors: a profile and the parts of its error.
func badProfiles(t testing.TB) (vectors []struct{ name, profile, want string }) {
	archive, err := txtar.ParseFile("testdata/profiles.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		p, w := archive.Files[i], archive.Files[i+1]
		if w.Name != "want" || len(w.Data) == 0 {
			t.Fatalf("%s: want is missing", p.Name)
		}
		vectors = append(vectors, struct{ name, profile, want string }{p.Name, string(p.Data), string(w.Data)})
	}
	if len(vectors) < 60 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	return vectors
}

// TestProfileErrors: every mistake is found when the file is read, and said with
// file, line and key. Nothing that looks like a secret is repeated.
func TestProfileErrors(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	if err := os.MkdirAll(h.dirs.Profiles(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, v := range badProfiles(t) {
		t.Run(v.name, func(t *testing.T) {
			if err := os.WriteFile(h.dirs.Profiles()+"/demo.toml", []byte(v.profile), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := h.helper().Profile("demo")
			wantError(t, err, protocol.ErrPolicy, strings.Split(strings.TrimSpace(v.want), "\n")...)
		})
	}
}

// TestProfile reads a file that uses every key.
func TestProfile(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.write(h.dirs.Config+"/ca.pem", "-----BEGIN CERTIFICATE-----\n")
	h.profile("demo", `
client_id = "me"
url = "https://API.example.com/v1/"
origins = ["https://api.example.com/v1", "https://*.files.example.com", "https://api.example.com/v1/"]
token_url = "https://login.example/token"
authorization_url = "https://login.example/authorize"
device_url = "https://login.example/device"
issuer = "https://login.example"
grant = "client_credentials"
client_auth = "basic"
basic_encoding = "raw"
scopes = ["read", "write"]
audience = "api"
resource = ["https://api.example.com/"]
params = { z = "1", a = ["2", "3"] }
secret = ["env", "DEMO_SECRET"]
secret_expires = 2027-01-31
username = "oauth2"
header = "X-Api-Key: Token {token}"
min_ttl = 90
default_ttl = "5m"
max_ttl = "1h"
ca_file = "`+h.dirs.Config+`/ca.pem"
proxy = "http://proxy.example:3128"
allow_missing_token_type = true
allow_form_reply = true
require_scopes = true
token_charset = "wide"
probe = { path = "/me", identity = ["name"] }
notes = """
two
lines"""
`)
	a := h.helper()
	p, err := a.Profile("demo")
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"url":       p.URL == "https://api.example.com/v1",
		"origins":   strings.Join(p.OriginTexts(), " ") == "https://api.example.com/v1 https://*.files.example.com",
		"params":    len(p.Params) == 3 && p.Params[0] == [2]string{"a", "2"} && p.Params[2] == [2]string{"z", "1"},
		"secret":    !p.InKeyring() && strings.Join(a.SourceVariables(), " ") == "DEMO_SECRET",
		"expires":   p.SecretExpires.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)),
		"header":    p.Header == "X-Api-Key" && p.Scheme == "Token" && p.HeaderText() == "X-Api-Key: Token {token}",
		"lives":     p.MinTTL == 90*time.Second && p.DefaultTTL == 5*time.Minute && p.MaxTTL == time.Hour,
		"ca":        string(p.CA) == "-----BEGIN CERTIFICATE-----\n",
		"allowed":   p.AllowMissingTokenType && p.AllowFormReply && p.RequireScopes && p.WideToken && p.RawBasic,
		"probe":     p.ProbeURL() == "https://api.example.com/v1/me" && p.Probe.Method == "GET",
		"endpoints": p.Issuer == "https://login.example" && p.DeviceURL == "https://login.example/device",
		"notes":     p.Notes == "two\nlines",
	} {
		if !ok {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestHeader: what a header line in a profile means.
func TestHeader(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "|Bearer|Authorization: Bearer {token}",
		"authorization":           "|Bearer|Authorization: Bearer {token}",
		"Authorization: {token}":  "||Authorization: {token}",
		"X-Forward":               "X-Forward|Bearer|X-Forward: Bearer {token}",
		"PRIVATE-TOKEN: {token}":  "PRIVATE-TOKEN||PRIVATE-TOKEN: {token}",
		"X:Token {token}":         "X|Token|X: Token {token}",
		"X:   Token {token}":      "X|Token|X: Token {token}",
		"Authorization: k{token}": "error",
	} {
		h := newHome(t, oauthtest.Options{})
		h.profile("demo", plain+"header = \""+text+"\"\n")
		p, err := h.helper().Profile("demo")
		got := "error"
		if err == nil {
			got = p.Header + "|" + p.Scheme + "|" + p.HeaderText()
		}
		if got != want {
			t.Errorf("%q: %s %v; want %s", text, got, err, want)
		}
	}
}

// TestUnknownProfile: a misspelt name brings the nearest one.
func TestUnknownProfile(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("orders", plain)
	_, err := h.get(protocol.Request{Profile: "order"})
	wantError(t, err, protocol.ErrUnknown, "no profile order", "did you mean orders?")
	_, err = h.get(protocol.Request{Profile: "jama"})
	wantError(t, err, protocol.ErrUnknown, "no profile jama", "there are orders")
	for _, name := range []string{"../orders", "Orders", "-rf", "a\nb", strings.Repeat("a", 300), "\x00"} { // T18
		_, err = h.get(protocol.Request{Profile: name})
		wantError(t, err, protocol.ErrUnknown)
	}
}

// TestTypes (G5): a value of the wrong type is told in TOML's words, with its line; a
// byte order mark is no part of the first key.
func TestTypes(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	for text, want := range map[string]string{
		"scopes = \"a b\"":           `demo.toml:1: scopes: has to be a list of strings: ["...", "..."]`,
		"\ntoken_url = 3":            `demo.toml:2: token_url: has to be a string: "..."`,
		"allow_form_reply = \"yes\"": "demo.toml:1: allow_form_reply: has to be true or false",
		"params = 3":                 "demo.toml:1: params: has to be a table: { KEY = VALUE }",
		"assertion = 3":              "demo.toml:1: assertion: has to be a table: { KEY = VALUE }",
		"\ufeffscopes = 1":           `demo.toml:1: scopes: has to be a list of strings: ["...", "..."]`,
		"origins = [1]":              `demo.toml:1: origins: has to be a list of strings: ["...", "..."]`,
	} {
		h.write(h.dirs.Profiles()+"/demo.toml", text+"\n")
		_, err := h.helper().Profile("demo")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "helper.") {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	h.write(h.dirs.Settings(), "\ufeffkeyring = \"file\"\n")
	h.profile("demo", "\ufeff"+plain)
	if p, err := h.helper().Profile("demo"); err != nil || p.Name != "demo" {
		t.Errorf("with a byte order mark: %v", err)
	}
}
