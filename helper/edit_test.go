package helper_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// draft is a Jama-like profile of the home's server.
func (h *home) draft(name string) *config.Profile {
	h.t.Helper()
	p, err := h.helper().Draft(name, config.File{Preset: "jama", URL: h.server.URL(), ClientID: "client"})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// TestAdd: the profile's file says what the preset resolved to, with mode 0600
// whatever the umask, and the secret is bound to that.
func TestAdd(t *testing.T) {
	h := newHome(t, oauthtest.Options{Product: "jama"})
	p := h.draft("jama")
	if err := h.helper().AddProfile(context.Background(), p, secret.New("secret")); err != nil {
		t.Fatal(err)
	}
	path := h.dirs.Profiles() + "/jama.toml"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"preset = 'jama'", "token_url = '" + h.server.URL() + "/rest/oauth/token'", "origins = ['" + h.server.URL() + "']",
		"client_auth = 'client_secret_basic'", "path = '/rest/v1/users/current'"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	if strings.Contains(string(text), "secret") && !strings.Contains(string(text), "no secrets here") {
		t.Errorf("a secret in\n%s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	h.settle()
	h.mustGet(protocol.Request{URL: url(t, h.server.URL()+"/rest/v1/projects")})

	err = h.helper().AddProfile(context.Background(), h.draft("jama"), secret.New("secret"))
	wantError(t, err, protocol.ErrPolicy, "profile jama already exists", "credhelper rotate jama")
	err = h.helper().AddProfile(context.Background(), h.draft("other"), secret.New("secret"))
	wantError(t, err, protocol.ErrAmbiguous, "profiles other and jama both claim "+h.server.URL(), "--set origins="+h.server.URL()+"/PATH")
}

// TestNeverHalfAProfile: when the secret cannot be stored there is no profile, and
// when the profile cannot be written there is no secret.
func TestNeverHalfAProfile(t *testing.T) {
	t.Run("locked keyring", func(t *testing.T) {
		h := newHome(t, oauthtest.Options{Product: "jama"})
		h.keyring.fails = keyring.ErrUnlock
		err := h.helper().AddProfile(context.Background(), h.draft("jama"), secret.New(canary))
		wantError(t, err, protocol.ErrLocked, "credhelper unlock")
		if names, _ := h.helper().ProfileNames(); len(names) > 0 {
			t.Errorf("left behind: %v", names)
		}
	})
	t.Run("no place for the profile", func(t *testing.T) {
		h := newHome(t, oauthtest.Options{Product: "jama"})
		p := h.draft("jama")
		h.write(h.dirs.Profiles(), "a file in the way")
		a := h.helper()
		if err := a.AddProfile(context.Background(), p, secret.New(canary)); err == nil {
			t.Fatal("no error")
		}
		if len(h.keyring.items) > 0 {
			t.Error("the secret was left behind")
		}
	})
}

// TestRemove: secret, token and file go; without the keyring nothing does.
func TestRemove(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	h.keyring.fails = keyring.ErrUnlock
	wantError(t, h.helper().RemoveProfile(context.Background(), "demo"), protocol.ErrLocked)
	h.keyring.fails = nil
	h.mustGet(named)
	if err := h.helper().RemoveProfile(context.Background(), "demo"); err != nil {
		t.Fatal(err)
	}
	_, err := h.get(named)
	wantError(t, err, protocol.ErrUnknown)
	if len(h.keyring.items) > 0 {
		t.Error("the secret was left behind")
	}
	h.profile("demo", plain)
	_, err = h.get(named)
	wantError(t, err, protocol.ErrNoSecret)
	for _, name := range []string{"nobody", "../demo", ""} {
		wantError(t, h.helper().RemoveProfile(context.Background(), name), protocol.ErrUnknown)
	}
}

// TestEdit: what is no profile is refused and the old text stays.
func TestEdit(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	_, err := h.helper().EditProfile("demo", []byte("client_idd = \"x\"\n"))
	wantError(t, err, protocol.ErrPolicy, "demo.toml:1: client_idd: unknown key; did you mean client_id?")
	h.mustGet(named)
	p, err := h.helper().EditProfile("demo", []byte(h.fill(plain)+"scopes = [\"read\"]\n"))
	if err != nil || len(p.Scopes) != 1 {
		t.Fatal(err)
	}
	text, path, err := h.helper().ProfileText("demo")
	if err != nil || filepath.ToSlash(path) != h.dirs.Profiles()+"/demo.toml" || !strings.Contains(string(text), "read") {
		t.Errorf("%s %s %v", path, text, err)
	}
}

// TestExportImport: profiles travel without secrets and mean the same on the
// other side.
func TestExportImport(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.profile("ours", "preset = \"jama\"\nurl = \"https://example.jamacloud.com/ctx\"\nclient_id = \"x\"\nsecret_expires = 2027-01-31\nparams = { a = [\"1\", \"2\"] }\n")
	text, err := h.helper().Export()
	if err != nil || strings.Contains(string(text), `"secret"`) {
		t.Fatalf("%v\n%s", err, text)
	}
	other := newHome(t, oauthtest.Options{})
	names, err := other.helper().Import(text, nil)
	if err != nil || strings.Join(names, " ") != "demo ours" {
		t.Fatalf("%v: %v\n%s", names, err, text)
	}
	for _, name := range names {
		a, err := h.helper().Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := other.helper().Profile(name)
		if err != nil || !slices.Equal(a.Bounds(), b.Bounds()) || !a.SecretExpires.Equal(b.SecretExpires) {
			t.Errorf("%s differs: %v\n%s", name, err, b.Text())
		}
	}
	if len(other.keyring.items) != 0 {
		t.Error("secrets travelled")
	}
	_, err = other.helper().Import(text, nil)
	wantError(t, err, protocol.ErrPolicy, "profile demo already exists")
}

// TestBadImport: an edited export adds all of its profiles or none.
func TestBadImport(t *testing.T) {
	const head = "credhelper = 1\n[profiles.good]\nclient_id = \"x\"\ntoken_url = \"https://login.example/token\"\n"
	for name, c := range map[string]struct {
		text string
		kind error
		part string
	}{
		"nothing":             {"", protocol.ErrMalformed, "no export"},
		"no version":          {"[profiles.a]\nclient_id = \"x\"\n", protocol.ErrMalformed, "no export"},
		"no profiles":         {"credhelper = 1\n", protocol.ErrMalformed, "no export"},
		"not TOML":            {"{}", protocol.ErrPolicy, "import:1"},
		"a misspelt key":      {head + "scopez = [\"a\"]\n", protocol.ErrPolicy, "import:5: profiles.good.scopez: unknown key"},
		"a key in capitals":   {head + "SCOPES = [\"a\"]\n", protocol.ErrPolicy, "import:5: profiles.good.SCOPES: unknown key"},
		"a secret":            {head + "client_secret = \"" + canary + "\"\n", protocol.ErrPolicy, "unknown key"},
		"a bad name":          {head + "[profiles.\"../evil\"]\nclient_id = \"x\"\n", protocol.ErrMalformed, "not a profile name"},
		"a bad profile":       {head + "[profiles.zzz]\nclient_id = \"x\"\n", protocol.ErrPolicy, "profile zzz"},
		"one origin for both": {head + "origins = [\"https://a.example\"]\n[profiles.zzz]\nclient_id = \"x\"\ntoken_url = \"https://login.example/token\"\norigins = [\"https://a.example\"]\n", protocol.ErrAmbiguous, "both claim https://a.example"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t, oauthtest.Options{})
			_, err := h.helper().Import([]byte(c.text), nil)
			wantError(t, err, c.kind, c.part)
			if names, _ := h.helper().ProfileNames(); len(names) > 0 {
				t.Errorf("added %v", names)
			}
		})
	}
}

// TestSet: --set KEY=VALUE as a file would say it.
func TestSet(t *testing.T) {
	var f config.File
	for _, kv := range [][2]string{{"tenant", "example.com"}, {"scopes", "a b,c"}, {"min_ttl", "90"}, {"allow_form_reply", "true"},
		{"params.x", "y"}, {"probe", "/me"}, {"secret", "file /run/secret"}, {"resource", "https://api.example.com"}} {
		if err := f.Set(kv[0], kv[1]); err != nil {
			t.Errorf("%v: %v", kv, err)
		}
	}
	f.Preset, f.ClientID, f.URL = "entra", "x", "https://api.example.com"
	p, err := newHome(t, oauthtest.Options{}).helper().Draft("demo", f)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Scopes) != 3 || p.MinTTL != 90*time.Second || !p.AllowFormReply || p.Params[0] != [2]string{"x", "y"} ||
		p.ProbeURL() != "https://api.example.com/me" || p.Secret[0] != "file" || p.Resource[0] != "https://api.example.com" {
		t.Errorf("%+v", p)
	}
	wantError(t, f.Set("tennant", "x"), protocol.ErrMalformed, "did you mean tenant?")
	wantError(t, f.Set("allow_form_reply", "maybe"), protocol.ErrMalformed, "is true or false")
	wantError(t, f.Set("assertion", "x"), protocol.ErrMalformed, "credhelper edit")
}

// TestSettings: config.toml is as strict as a profile, and the choice of a keyring
// leaves its other lines alone.
func TestSettings(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	for text, part := range map[string]string{
		"keyrings = \"file\"":        "config.toml:1: keyrings: unknown key; did you mean keyring?",
		"keyring = \"kwallet6\"":     `config.toml:1: keyring: "kwallet6" is none of file`,
		"\naudit = \"some\"":         `config.toml:2: audit: "some" is neither "all" nor "required"`,
		"log_size = \"64\"":          `config.toml:1: log_size: want a number of bytes`,
		"log_size = 1":               `config.toml:1: log_size: want a number of bytes`,
		"log_size = \"1 TiB\"":       `config.toml:1: log_size: want a number of bytes`,
		"log_size = 1.5":             `config.toml:1: log_size: want a number of bytes`,
		"log_size = true":            `config.toml:1: log_size: want a number of bytes`,
		"[defaults]\nproxies = \"\"": "config.toml:2: defaults.proxies: unknown key",
	} {
		h.write(h.dirs.Settings(), text)
		_, err := h.helper().Settings()
		wantError(t, err, protocol.ErrPolicy, part)
		_, err = h.get(named)
		wantError(t, err, protocol.ErrPolicy, part)
	}
	h.write(h.dirs.Settings(), "# mine\naudit = \"all\"\n\n[defaults]\nmin_ttl = 60 # a minute\n")
	for _, backend := range []string{"file", "pass"} {
		if err := h.helper().UseKeyring(backend); err != nil {
			t.Fatal(err)
		}
		s, err := h.helper().Settings()
		if err != nil || s.Keyring != backend || s.Audit != "all" {
			t.Fatalf("%+v: %v", s, err)
		}
	}
	text, _ := os.ReadFile(h.dirs.Settings())
	if want := "keyring = \"pass\"\n# mine\naudit = \"all\"\n\n[defaults]\nmin_ttl = 60 # a minute\n"; string(text) != want {
		t.Errorf("%q", text)
	}
	for text, want := range map[string]int64{
		"":                                      1 << 20,
		"audit = \"all\"":                       64 << 20,
		"audit = \"required\"":                  64 << 20,
		"log_size = 65536":                      64 << 10,
		"log_size = \"64KiB\"\naudit = \"all\"": 64 << 10,
		"log_size = \"200 MiB\"":                200 << 20,
		"log_size = \"16 GiB\"":                 16 << 30,
	} {
		s, err := config.ReadSettings("config.toml", []byte(text))
		if got := s.LogLimit(); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	wantError(t, h.helper().UseKeyring("clipboard"), protocol.ErrMalformed, "no keyring backend clipboard")
	h.profile("demo", plain)
	if p, err := h.helper().Profile("demo"); err != nil || p.MinTTL != time.Minute {
		t.Errorf("defaults: %+v: %v", p, err)
	}
}
