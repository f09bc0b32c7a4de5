package helper_test

import (
	"context"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestApproval: Jakamo's applications are unknown to Entra until Jakamo approves
// them, and for some minutes after it; who waits is told so, and not to look for a
// mistake.
func TestApproval(t *testing.T) {
	known := oauthtest.Client{ID: "client", Secret: "secret", Scopes: []string{"https://elsewhere.example/.default"}}
	for _, preset := range []string{"jakamo", "jakamo-demo"} {
		for code, client := range map[string]string{"AADSTS700016": "not-yet", "AADSTS500011": "client"} {
			h := newHome(t, oauthtest.Options{Product: "jakamo", Clients: []oauthtest.Client{known}})
			p, err := h.helper().Draft("orders", config.File{Preset: preset, ClientID: client, TokenURL: h.server.TokenURL()})
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.helper().Try(context.Background(), p, secret.New("secret"))
			wantError(t, err, protocol.ErrRefused, code, "waiting for Jakamo's approval", "5-10 minutes after it")
		}
	}
}

// TestJakamoFacts holds what Jakamo's page says of its two environments: tenant,
// scope and host.
func TestJakamoFacts(t *testing.T) {
	for preset, c := range map[string]struct{ tenant, scope, host string }{
		"jakamo":      {"c87ad7a3-cc9b-4a04-be72-916199870e5c", "https://api.jakamoapp.com/.default", "https://www.thejakamo.com"},
		"jakamo-demo": {"a22b6145-4c73-4914-901d-6bf96bcb0183", "https://demo.jakamoapp.com/.default", "https://demo.thejakamo.com"},
	} {
		p, err := newHome(t, oauthtest.Options{}).helper().Draft("demo", config.File{Preset: preset, ClientID: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(p.TokenURL, "/"+c.tenant+"/oauth2/v2.0/token") || len(p.Scopes) != 1 || p.Scopes[0] != c.scope || p.OriginTexts()[0] != c.host {
			t.Errorf("%s: %s %s %s", preset, p.TokenURL, p.Scopes, p.OriginTexts())
		}
	}
}

// TestNationalClouds: each has a login host of its own (Microsoft's page
// "National clouds"); a secret of one is not sent to another.
func TestNationalClouds(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	for cloud, host := range map[string]string{
		"":       "login.microsoftonline.com",
		"global": "login.microsoftonline.com",
		"us":     "login.microsoftonline.us",
		"china":  "login.partner.microsoftonline.cn",
	} {
		f := given["entra"]
		f.Preset, f.Cloud = "entra", cloud
		p, err := h.helper().Draft("demo", f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(p.TokenURL, "https://"+host+"/") {
			t.Errorf("cloud %q: %s", cloud, p.TokenURL)
		}
	}
	f := given["entra"]
	f.Preset, f.Cloud = "entra", "mars"
	_, err := h.helper().Draft("demo", f)
	wantError(t, err, protocol.ErrPolicy, `cloud: "mars" is none of china, global, us`)
}

// TestLateClaim: an edit, in place, of another profile that newly claims an origin counts
// at the next call, although a route that was true leads past it.
func TestLateClaim(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.profile("other", plain+"origins = [\"https://other.example\"]\n")
	r := protocol.Request{URL: url(t, h.server.URL()+"/rest")}
	for _, want := range []string{"network", "cache"} {
		if c := h.mustGet(r); c.Source != want || c.Profile != "demo" {
			t.Errorf("the route that is true: %+v", c)
		}
	}
	h.profile("other", plain) // in place: no folder changes
	_, err := h.get(r)
	wantError(t, err, protocol.ErrAmbiguous, "demo", "other")
}
