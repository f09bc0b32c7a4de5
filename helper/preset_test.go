package helper_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

var update = flag.Bool("update", false, "write the golden files anew")

// given is what a person would type for each preset.
var given = map[string]config.File{
	"jama":            {URL: "https://Example.jamacloud.com/", ClientID: "rbfogo319n6ibtb"},
	"entra":           {Tenant: "example.onmicrosoft.com", ClientID: "11111111-2222-3333-4444-555555555555", Scopes: []string{"https://graph.microsoft.com/.default"}, URL: "https://graph.microsoft.com/v1.0"},
	"jakamo":          {ClientID: "11111111-2222-3333-4444-555555555555"},
	"jakamo-demo":     {ClientID: "11111111-2222-3333-4444-555555555555", URL: "https://demo.thejakamo.com/api/order"},
	"jira-miniorange": {URL: "https://jira.example.com", TokenURL: "https://login.example/oauth/token", ClientID: "jira-cli"},
	"jira-datacenter": {URL: "https://jira.example.com/jira", ClientID: "service"},
	"jira-cloud":      {Tenant: "a1b2c3d4-0000-1111-2222-333344445555", ClientID: "service"},
	"entra-user": {Tenant: "example.onmicrosoft.com", ClientID: "11111111-2222-3333-4444-555555555555", URL: "https://graph.microsoft.com/v1.0",
		Scopes: []string{"https://graph.microsoft.com/User.Read", "offline_access"}},
	"entra-device": {Tenant: "example.onmicrosoft.com", ClientID: "11111111-2222-3333-4444-555555555555", URL: "https://graph.microsoft.com/v1.0",
		Scopes: []string{"https://graph.microsoft.com/User.Read", "offline_access"}},
	"jira-miniorange-user": {URL: "https://jira.example.com", ClientID: "jira-cli", TokenURL: "https://login.example/oauth/token",
		AuthorizationURL: "https://login.example/oauth/authorize"},
	"jira-miniorange-jwt":    {URL: "https://jira.example.com", ClientID: "credhelper"},
	"jira-dc-user":           {URL: "https://jira.example.com/jira", ClientID: "service"},
	"google-service-account": {URL: "https://www.googleapis.com", ClientID: "robot@project.iam.gserviceaccount.com", Scopes: []string{"https://www.googleapis.com/auth/drive.readonly"}},
	"keycloak":               {URL: "https://api.example.com", ClientID: "me", Issuer: "https://sso.example.com/realms/main"},
	"oidc":                   {URL: "https://api.example.com", ClientID: "me", Issuer: "https://login.example", TokenURL: "https://login.example/token"},
	"oauth2":                 {URL: "https://api.example.com", TokenURL: "https://login.example/oauth/token", ClientID: "me"},
}

// TestPresets compares every embedded preset, filled in, with its golden file:
// what a user's profile would be. A change there moves somebody's secret.
func TestPresets(t *testing.T) {
	names := presets.Names()
	if len(names) < len(given) {
		t.Fatalf("%d presets", len(names))
	}
	h := newHome(t, oauthtest.Options{})
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			f, known := given[name]
			if !known {
				t.Fatal("no values for it in this test")
			}
			f.Preset = name
			if name == "jira-miniorange-jwt" {
				if err := f.Set("assertion.sub", "anna"); err != nil {
					t.Fatal(err)
				}
			}
			p, err := h.helper().Draft("demo", f)
			if err != nil {
				t.Fatal(err)
			}
			text, err := p.Resolved()
			if err != nil {
				t.Fatal(err)
			}
			path := "testdata/golden/" + name + ".toml"
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(text, golden) {
				t.Errorf("%s differs:\n%s", path, text)
			}
		})
	}
}

func builtinPresets(t *testing.T) (list []*config.Preset) {
	t.Helper()
	for _, name := range presets.Names() {
		p, err := presets.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		t.Fatal("no presets")
	}
	return list
}

// TestPresetFacts: each says where its facts are from, and what to ask a person
// who has not given all.
func TestPresetFacts(t *testing.T) {
	a := newHome(t, oauthtest.Options{}).helper()
	for _, p := range builtinPresets(t) {
		if len(p.Source) == 0 || len(p.Date) != len("2006-01-02") || len(p.Needs) == 0 {
			t.Errorf("%s: source %v, date %q, needs %v", p.Name, p.Source, p.Date, p.Needs)
		}
		for _, s := range p.Source {
			if !strings.HasPrefix(s, "https://") {
				t.Errorf("%s: source %q is no page", p.Name, s)
			}
		}
		_, err := a.Draft("demo", config.File{Preset: p.Name})
		wantError(t, err, protocol.ErrPolicy, "preset "+p.Name+" needs "+p.Needs[0].Key+": ")
	}
}

// TestContextPath: a Jama below a context path keeps it in token URL, probe and
// origin.
func TestContextPath(t *testing.T) {
	p, err := newHome(t, oauthtest.Options{}).helper().Draft("demo",
		config.File{Preset: "jama", URL: "https://tools.example.com/contour/", ClientID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if p.TokenURL != "https://tools.example.com/contour/rest/oauth/token" ||
		p.ProbeURL() != "https://tools.example.com/contour/rest/v1/users/current" ||
		p.OriginTexts()[0] != "https://tools.example.com/contour" {
		t.Errorf("%s, %s, %s", p.TokenURL, p.ProbeURL(), p.OriginTexts())
	}
}

// TestOwnPreset: a user's presets work like the embedded ones, except for what
// would let a preset take a secret.
func TestOwnPreset(t *testing.T) {
	const good = `
title = "Ours"
source = ["https://wiki.example.com/oauth"]
date = "2026-01-01"
[profile]
token_url = "{url}/oauth/token"
client_auth = "post"
`
	h := newHome(t, oauthtest.Options{})
	h.write(h.dirs.Presets()+"/ours.toml", good)
	h.write(h.dirs.System+"/presets/theirs.toml", strings.Replace(good, "Ours", "Theirs", 1))
	for preset, title := range map[string]string{"ours": "Ours", "theirs": "Theirs"} {
		p, err := h.helper().Draft("demo", config.File{Preset: preset, URL: "https://api.example.com", ClientID: "x"})
		if err != nil || p.Title != title || p.TokenURL != "https://api.example.com/oauth/token" || p.ClientAuth != "client_secret_post" {
			t.Errorf("%s: %+v: %v", preset, p, err)
		}
	}
	for name, c := range map[string][2]string{
		"a secret":         {good + `secret = ["command", "/bin/cat", "/etc/passwd"]`, "ours.toml:8: profile.secret: a preset does not say where secrets are"},
		"a plugin's grant": {good + `grant = "plugin:x"`, `ours.toml:8: profile.grant: "plugin:x" is none of`},
		"another preset":   {good + `preset = "jama"`, "ours.toml:8: profile.preset"},
		"a client":         {good + `client_id = "x"`, "ours.toml:8: profile.client_id: belongs in the profile"},
		"no source":        {strings.Replace(good, "source", "#", 1), "source or date is missing"},
		"a misspelt key":   {strings.Replace(good, "title", "tittle", 1), "ours.toml:2: tittle: unknown key; did you mean title?"},
	} {
		t.Run(name, func(t *testing.T) {
			h.write(h.dirs.Presets()+"/ours.toml", c[0])
			_, err := h.helper().Draft("demo", config.File{Preset: "ours", URL: "https://api.example.com", ClientID: "x"})
			wantError(t, err, protocol.ErrPolicy, c[1])
		})
	}
	t.Run("an embedded name", func(t *testing.T) {
		h.write(h.dirs.Presets()+"/jama.toml", good)
		f := given["jama"]
		f.Preset = "jama"
		_, err := h.helper().Draft("demo", f)
		wantError(t, err, protocol.ErrPolicy, "jama.toml", "jama is a built-in preset")
	})
}
