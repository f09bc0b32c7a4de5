package helper_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestProbe says who the API takes the token for, or in plain words what is wrong,
// as the product's own server would answer.
func TestProbe(t *testing.T) {
	jira := func(c oauthtest.Client) oauthtest.Options {
		c.ID, c.Secret = "client", "secret"
		return oauthtest.Options{Product: "jira-miniorange", Clients: []oauthtest.Client{c}}
	}
	jama := func(c oauthtest.Client) oauthtest.Options {
		c.ID, c.Secret = "client", "secret"
		return oauthtest.Options{Product: "jama", Clients: []oauthtest.Client{c}}
	}
	for _, c := range []struct {
		name     string
		options  oauthtest.Options
		preset   string
		base     string
		identity string
		parts    []string
	}{
		{name: "jama", options: jama(oauthtest.Client{}), preset: "jama", identity: "James Example <james@example.com>"},
		{name: "jama, old service", options: oauthtest.Options{Product: "jama-classic"}, preset: "jama", identity: "James Example <james@example.com>"},
		{name: "jama, context path", options: oauthtest.Options{Product: "jama", BasePath: "/contour"}, preset: "jama", base: "/contour", identity: "James Example <james@example.com>"},
		{name: "jama, access control", options: jama(oauthtest.Client{Barred: true}), preset: "jama",
			parts: []string{"403 from ", "/rest/v1/users/current", "This user is not permitted to use the API", "an administrator has to allow this user"}},
		{name: "jira", options: jira(oauthtest.Client{}), preset: "jira-miniorange", identity: "Anna Example <anna@example.com>"},
		{name: "jira, no user", options: jira(oauthtest.Client{NoUser: true}), preset: "jira-miniorange",
			parts: []string{"400 from ", "/rest/api/2/myself", "No user found with this username/email address", "the token is good; the miniOrange app maps it"}},
		{name: "jira, barred", options: jira(oauthtest.Client{Barred: true}), preset: "jira-miniorange", parts: []string{"403 from", "You do not have permission"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t, c.options)
			base := strings.TrimSuffix(h.server.URL(), c.base) + c.base
			p, err := h.helper().Draft("demo", config.File{Preset: c.preset, URL: base, ClientID: "client", TokenURL: h.server.TokenURL()})
			if err != nil {
				t.Fatal(err)
			}
			tested, err := h.helper().Try(context.Background(), p, secret.New("secret"))
			if c.parts == nil {
				if err != nil || tested.Identity != c.identity {
					t.Errorf("%+v: %v", tested, err)
				}
				return
			}
			wantError(t, err, protocol.ErrProbe, append(c.parts, "profile demo: probe: ")...)
			if tested.Life <= 0 || tested.Status == 0 {
				t.Errorf("%+v", tested)
			}
		})
	}
}

// TestAnonymousProbe: some systems answer 200 to a bad token, as to a visitor; an
// answer that names nobody is a failure.
func TestAnonymousProbe(t *testing.T) {
	h := newHome(t, oauthtest.Options{Product: "jira-miniorange"})
	h.profile("demo", plain+"probe = { path = \"/rest/api/2/project\", identity = [\"displayName\"] }\n")
	h.store("demo", "secret")
	_, err := h.helper().Test(context.Background(), "demo")
	wantError(t, err, protocol.ErrProbe, "names nobody")
}

// TestProbeEchoes: an API that shows the token that it was sent, as a reason or as a
// name, shows nothing of it here.
func TestProbeEchoes(t *testing.T) {
	for _, status := range []int{200, 400} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				fmt.Fprint(w, `{"access_token":"opaque-token","token_type":"Bearer"}`)
				return
			}
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"message":"not %[1]s nor %[2]s","name":"%[1]s %[2]s"}`, token, base64.StdEncoding.EncodeToString([]byte(token)))
		}))
		defer api.Close()
		h := newHome(t, oauthtest.Options{})
		h.profile("demo", fmt.Sprintf("url = %q\ntoken_url = %q\nclient_id = \"client\"\nprobe = { path = \"/me\", identity = [\"name\"] }\n", api.URL, api.URL+"/token"))
		h.store("demo", "secret")
		tested, err := h.helper().Test(context.Background(), "demo")
		shown := fmt.Sprint(tested.Identity, err)
		if (err == nil) != (status == 200) || !strings.Contains(shown, secret.Redacted) || strings.Contains(shown, "opaque") || strings.Contains(shown, "b3BhcXVl") {
			t.Errorf("%d: %s", status, shown)
		}
	}
}

// TestProbeSwitches: an API that changes to another protocol, and then is silent, is not
// waited for.
func TestProbeSwitches(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
		time.AfterFunc(3*time.Second, func() { conn.Close() }) // who waits for it gets another answer
	}))
	defer api.Close()
	h.profile("demo", fmt.Sprintf("url = %q\ntoken_url = %q\nclient_id = \"client\"\nprobe = { path = \"/me\" }\n", api.URL, h.server.TokenURL()))
	h.store("demo", "secret")
	_, err := h.helper().Test(context.Background(), "demo")
	wantError(t, err, protocol.ErrProbe, "101 from ", "another protocol")
}

// TestTest asks the server although a token is cached, and keeps the new one.
func TestTest(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	old := h.mustGet(named)
	tested, err := h.helper().Test(context.Background(), "demo")
	if err != nil || tested.Life <= 0 || tested.ProbeURL != "" {
		t.Fatalf("%+v: %v", tested, err)
	}
	if c := h.mustGet(named); c.Source != "cache" || c.Secret.Equal(old.Secret) {
		t.Errorf("%+v", c)
	}
}

// TestStatus: how profiles stand, without network.
func TestStatus(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.profile("broken", "x = 1\n")
	h.profile("refused", strings.Replace(plain, "url  ", "issuer", 1))
	h.store("refused", "wrong")
	_, _ = h.get(protocol.Request{Profile: "refused"})
	h.mustGet(named)
	count := h.server.Count()
	list, err := h.helper().Status(context.Background())
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v: %v", list, err)
	}
	broken, demo, refused := list[0], list[1], list[2]
	wantError(t, broken.Err, protocol.ErrPolicy, "broken.toml:1")
	if !demo.Token.Cached || demo.Token.Left <= 0 || demo.Source != "keyring" || demo.SecretCreated.IsZero() || demo.SecretErr != nil {
		t.Errorf("%+v", demo)
	}
	if refused.Token.Cached || !refused.Token.Refused || refused.Token.Wait <= 0 || !strings.Contains(refused.Token.Reason, "invalid_client") {
		t.Errorf("%+v", refused)
	}
	if h.server.Count() != count {
		t.Error("status asked the server")
	}
}

// clearings are what makes every cached token of "demo" worthless.
var clearings = map[string]func(*helper.Helper) error{
	"clear one": func(a *helper.Helper) error { return a.ClearCache(context.Background(), "demo") },
	"clear all": func(a *helper.Helper) error { return a.ClearCache(context.Background(), "") },
	"lock":      func(a *helper.Helper) error { return a.Lock(context.Background()) },
}

// TestClearAndLock (T16): a cleared or locked cache has no token, and no copy of
// the old files brings one back.
func TestClearAndLock(t *testing.T) {
	for name, clear := range clearings {
		t.Run(name, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			h.mustGet(named)
			file := h.dirs.Run() + "/t-" + cache.ProfileKey("demo").String()
			copied, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := clear(h.helper()); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, copied, 0o600); err != nil {
				t.Fatal(err)
			}
			if c := h.mustGet(named); c.Source != "network" {
				t.Error("the old token came back")
			}
		})
	}
}

// TestClearWithoutRun (S10): what is revoked while run/ is away stays so when it is back.
func TestClearWithoutRun(t *testing.T) {
	for name, clear := range clearings {
		t.Run(name, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			h.mustGet(named)
			run := h.dirs.Run()
			if err := os.Rename(run, run+".away"); err != nil {
				t.Fatal(err)
			}
			if err := clear(h.helper()); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.RemoveAll(run), os.Rename(run+".away", run)); err != nil {
				t.Fatal(err)
			}
			if c := h.mustGet(named); c.Source != "network" {
				t.Error("the old token came back")
			}
		})
	}
}
