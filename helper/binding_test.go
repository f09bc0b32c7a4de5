package helper_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestBindingGolden (T14): a change of this digest locks every user out of every
// secret until "credhelper rebind". Do not change it without saying so in the
// release notes.
func TestBindingGolden(t *testing.T) {
	f := given["jama"]
	f.Preset = "jama"
	p, err := newHome(t, oauthtest.Options{}).helper().Draft("demo", f)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "f1afd55b4cc6861a16eb72d221d02e54ec614675510a96111a8f70c5b9faab27"
	if got := bindingDigest(p.Bounds()); hex.EncodeToString(got[:]) != golden {
		t.Errorf("binding %x; want %s", got, golden)
	}
}

// bindingDigest hashes each name and value preceded by its length.
func bindingDigest(list []config.Bound) [32]byte {
	fields := []string{"credhelper binding 1"}
	for _, b := range list {
		fields = append(fields, b.Name, b.Value)
	}
	var content []byte
	for _, f := range fields {
		content = append(binary.BigEndian.AppendUint64(content, uint64(len(f))), f...)
	}
	return sha256.Sum256(content)
}

// bound is a profile that sets all that a secret is bound to.
const bound = `
client_id = "client"
url = "{server}"
origins = ["{server}"]
token_url = "{endpoint}"
authorization_url = "https://login.example/authorize"
device_url = "https://login.example/device"
revocation_url = "https://login.example/revoke"
introspection_url = "https://login.example/introspect"
issuer = "https://login.example"
client_auth = "basic"
basic_encoding = "form"
params = { a = "b" }
proxy = "none"
header = "Authorization: Bearer {token}"
probe = { path = "/me" }
`

// TestTamperedProfile (T14): each member that decides where a secret or token goes
// is bound: a profile that changed there does not get its secret, both values are
// shown, no byte is sent, and rebind accepts it.
func TestTamperedProfile(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"origins", `origins = ["{server}"]`, `origins = ["{server}", "https://evil.test"]`},
		{"token_url", `token_url = "{endpoint}"`, `token_url = "https://evil.test/token"`},
		{"authorization_url", "login.example/authorize", "evil.test/authorize"},
		{"device_url", "login.example/device", "evil.test/device"},
		{"revocation_url", "login.example/revoke", "evil.test/revoke"},
		{"introspection_url", "login.example/introspect", "evil.test/introspect"},
		{"issuer", `issuer = "https://login.example"`, `issuer = "https://evil.test"`},
		{"client_id", `client_id = "client"`, `client_id = "other"`},
		{"client_auth", `client_auth = "basic"`, `client_auth = "post"`},
		{"client_auth", `basic_encoding = "form"`, `basic_encoding = "raw"`},
		{"params", `params = { a = "b" }`, `params = { a = "b c=d" }`},
		{"proxy", `proxy = "none"`, `proxy = "http://evil.test:3128"`},
		{"header", "Authorization: Bearer", "X-Token: Bearer"},
		{"probe", `"/me"`, `"/rest/you"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t, oauthtest.Options{})
			h.profile("demo", bound)
			h.store("demo", "secret")
			changed := strings.Replace(bound, c.old, c.new, 1)
			if changed == bound {
				t.Fatal("nothing was changed")
			}
			h.profile("demo", changed)
			_, err := h.get(named)
			wantError(t, err, protocol.ErrPolicy, "profile demo: its secret was stored for "+c.name, "the profile says", "credhelper rebind demo")
			if h.server.Count() != 0 || h.server.Connections() != 0 {
				t.Fatal("something was sent")
			}
			a := h.helper()
			p, err := a.Profile("demo")
			if err != nil {
				t.Fatal(err)
			}
			changes, err := a.Changes(context.Background(), p)
			if err != nil || len(changes) != 1 || changes[0].Name != c.name || changes[0].Stored == changes[0].Now {
				t.Fatalf("changes %v: %v", changes, err)
			}
			if err := a.Rebind(context.Background(), p); err != nil {
				t.Fatal(err)
			}
			if changes, err = a.Changes(context.Background(), p); err != nil || len(changes) != 0 {
				t.Errorf("after rebind: %v %v", changes, err)
			}
		})
	}
}

// TestTamperedCA (A4, T14): the CA file is bound by its content.
func TestTamperedCA(t *testing.T) {
	h := newHome(t, oauthtest.Options{Certificate: "good"})
	ca := h.dirs.Config + "/ca.pem"
	h.write(ca, string(h.server.RootsPEM()))
	h.profile("demo", plain+"ca_file = \""+ca+"\"\n")
	h.store("demo", "secret")
	h.mustGet(named)
	h.write(ca, string(h.server.RootsPEM())+"\n")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrPolicy, "stored for ca_file sha256:")
}

// TestOtherScopesOtherToken: what a token is for is not the secret's matter, but
// no token is answered for other scopes than the profile has now.
func TestOtherScopesOtherToken(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	h.profile("demo", plain+"scopes = [\"read\"]\n")
	if c := h.mustGet(named); c.Source != "network" {
		t.Error("the old scopes' token was answered")
	}
	for _, r := range h.server.Requests()[1:] {
		if !strings.Contains(r.Body, "scope=read") {
			t.Errorf("body %q", r.Body)
		}
	}
}

// TestOtherEnvironmentOtherToken: which variables a command gets decides which secret
// it prints, so a token of before is not given any more.
func TestOtherEnvironmentOtherToken(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	program := filepath.ToSlash(filepath.Join(t.TempDir(), "print"))
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho secret\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	const text = "client_id = \"client\"\ntoken_url = \"{endpoint}\"\norigins = [\"{server}\"]\n"
	for i, more := range []string{"", "", "secret_environment = [\"VAULT_ADDR\"]\n", "secret_environment = [\"VAULT_TOKEN\"]\n"} {
		h.profile("demo", text+"secret = [\"command\", \""+program+"\"]\n"+more)
		if _, err := h.get(named); err != nil {
			t.Fatal(err)
		}
		if want := max(1, i); h.server.Count() != want {
			t.Errorf("after %q: %d requests, want %d", more, h.server.Count(), want)
		}
	}
}

// TestSecretLife: store, rotate, roll back, confirm, delete. Each change makes the
// token of the secret before worthless, copies of it included (T16).
func TestSecretLife(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	ctx := context.Background()
	a := h.helper()
	p, err := a.Profile("demo")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, a.RollbackSecret(ctx, p), protocol.ErrNoSecret, "no earlier secret")
	h.mustGet(named)
	h.store("demo", "newer")
	_, err = h.get(named)
	wantError(t, err, protocol.ErrRefused)
	if err := a.RollbackSecret(ctx, p); err != nil {
		t.Fatal(err)
	}
	if c := h.mustGet(named); c.Source != "network" {
		t.Error("a token outlived its secret")
	}
	h.server.SetClient(oauthtest.Client{ID: "client", Secret: "newer"})
	if err := a.RollbackSecret(ctx, p); err != nil { // there and back
		t.Fatal(err)
	}
	h.mustGet(named)
	if _, err := a.ConfirmSecret(ctx, p); err != nil {
		t.Fatal(err)
	}
	wantError(t, a.RollbackSecret(ctx, p), protocol.ErrNoSecret)
	if err := a.DeleteSecret(ctx, "demo"); err != nil {
		t.Fatal(err)
	}
	_, err = h.get(named)
	wantError(t, err, protocol.ErrNoSecret)
}

// TestNoSecretForAnotherEndpoint (T14): neither storing a new secret nor rolling
// back hands an old one to an endpoint that it was not stored for.
func TestNoSecretForAnotherEndpoint(t *testing.T) {
	ctx := context.Background()
	moved := strings.Replace(plain, "{endpoint}", "https://evil.test/token", 1)
	t.Run("store, then roll back", func(t *testing.T) {
		h := ready(t, oauthtest.Options{})
		h.profile("demo", moved)
		h.store("demo", "another")
		p, err := h.helper().Profile("demo")
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, h.helper().RollbackSecret(ctx, p), protocol.ErrNoSecret)
	})
	t.Run("rotate, move, roll back", func(t *testing.T) {
		h := ready(t, oauthtest.Options{})
		h.store("demo", "another")
		h.profile("demo", moved)
		p, err := h.helper().Profile("demo")
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, h.helper().RollbackSecret(ctx, p), protocol.ErrPolicy, "stored for token_url", "evil.test")
	})
}

// TestDamagedSecret: damage is an error that names the way back, and the way back
// works.
func TestDamagedSecret(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	for k, v := range h.keyring.items {
		text := v.Reveal()
		for cut := range len(text) {
			h.keyring.items[k] = secret.New(text[:cut] + "\x01" + text[cut+1:])
			if _, err := h.get(named); err == nil && cut < len(text)-1 {
				t.Fatalf("byte %d of the envelope: no error", cut)
			}
			if h.server.Count() > 0 {
				t.Fatal("a damaged secret was sent")
			}
		}
	}
	h.store("demo", "secret")
	h.mustGet(named)
}
