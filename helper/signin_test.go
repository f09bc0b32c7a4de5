package helper_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// signedIn is a home with a profile by whose browser somebody signed in.
func signedIn(t *testing.T, options oauthtest.Options) *home {
	t.Helper()
	options.Clients = []oauthtest.Client{{ID: "app", Auth: "none"}}
	h := newHome(t, options)
	h.write(h.dirs.Profiles()+"/demo.toml", fmt.Sprintf(`
url = %q
token_url = %q
authorization_url = %q
revocation_url = %q
introspection_url = %q
issuer = %q
client_id = "app"
grant = "authorization_code"
client_auth = "none"
`, h.server.URL(), h.server.TokenURL(), h.server.URL()+"/authorize", h.server.URL()+"/revoke", h.server.URL()+"/introspect", h.server.Issuer()))
	h.login()
	return h
}

// login is what "credhelper login" does, with a browser that says yes at once.
func (h *home) login() {
	h.t.Helper()
	a := h.helper()
	p, err := a.Profile("demo")
	if err != nil {
		h.t.Fatal(err)
	}
	client, err := a.SignInClient(context.Background(), p)
	if err != nil {
		h.t.Fatal(err)
	}
	in, err := client.Begin(oauth.AuthorizationRequest{AuthorizationURL: p.AuthorizationURL, Redirect: "http://127.0.0.1:1/", Issuer: p.Issuer})
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, in.URL, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := in.Finish(context.Background(), back.Query())
	if err != nil {
		h.t.Fatal(err)
	}
	if lasts, err := a.KeepSignIn(context.Background(), p, token); err != nil || !lasts {
		h.t.Fatal(lasts, err)
	}
}

func (h *home) ask() (protocol.Credential, error) {
	return h.helper().Get(context.Background(), protocol.Request{Verb: protocol.Get, Profile: "demo"})
}

// TestSignInLasts (A18): the token of the sign-in is cached; when it ends, the
// refresh token brings the next, and the one after that, each used once.
func TestSignInLasts(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	seen := map[string]bool{}
	for range 4 {
		c, err := h.ask()
		if err != nil || seen[c.Secret.Reveal()] {
			t.Fatalf("%v", err)
		}
		seen[c.Secret.Reveal()] = true
		h.wait(2 * time.Hour)
	}
	if n := h.server.Count(); n != 4 { // the code, and three refreshes
		t.Errorf("%d token requests", n)
	}
}

// TestToolNeverSignsIn: where nobody is signed in, a tool gets exit 6 and what to
// type; no server hears of it.
func TestToolNeverSignsIn(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	p, err := h.helper().Profile("demo")
	if err != nil {
		t.Fatal(err)
	}
	revoked, problem, err := h.helper().SignOut(t.Context(), p)
	if err != nil || problem != nil || revoked != 2 || len(h.server.Revoked()) != 2 { // T26: refresh and access token
		t.Fatalf("%d, %v, %v", revoked, problem, err)
	}
	before := h.server.Count()
	for range 2 {
		_, err := h.ask()
		wantError(t, err, protocol.ErrLogin, "profile demo: nobody is signed in")
		var e *protocol.Error
		if !errors.As(err, &e) || e.Hint != "sign in: credhelper login demo" {
			t.Errorf("hint of %v", err)
		}
	}
	if h.server.Count() != before {
		t.Error("a request was made")
	}
	if revoked, problem, err := h.helper().SignOut(t.Context(), p); revoked != 0 || problem != nil || err != nil {
		t.Errorf("a second time: %d, %v, %v", revoked, problem, err)
	}
}

// TestSignInOver (A12, A22): a refresh token that the server calls dead is "sign
// in again", once asked and then remembered; a new sign-in ends that.
func TestSignInOver(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	h.wait(2 * time.Hour)
	h.server.EndSignIns()
	before := h.server.Count()
	for range 3 {
		_, err := h.ask()
		wantError(t, err, protocol.ErrLogin, "invalid_grant")
	}
	if n := h.server.Count() - before; n != 1 {
		t.Errorf("%d requests", n)
	}
	h.login()
	if _, err := h.ask(); err != nil {
		t.Error(err)
	}
}

// TestLostRefresh (A10): the answer to a refresh is lost. It is not asked for a
// second time; later, the server calls the old token reused and dead.
func TestLostRefresh(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	h.wait(2 * time.Hour)
	before := h.server.Count()
	if err := h.server.Queue("close-late"); err != nil {
		t.Fatal(err)
	}
	_, err := h.ask()
	wantError(t, err, protocol.ErrUnreachable, "the connection broke before an answer")
	if n := h.server.Count() - before; n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestStoreFails (A18): the server replaced the refresh token and it
// cannot be stored: the token is answered, and a person is told.
func TestStoreFails(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	h.wait(2 * time.Hour)
	h.keyring.setFails = keyring.ErrUnavailable
	if _, err := h.ask(); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(h.warnings, "\n")
	if !strings.Contains(all, "the new refresh token could not be stored") || !strings.Contains(all, "credhelper login demo") {
		t.Errorf("warned %q", all)
	}
}

// TestAnotherRotated (A22): somebody without our lock stored the next refresh
// token between our reading and our request. The second reading finds it.
func TestAnotherRotated(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	h.wait(2 * time.Hour)
	h.server.EndSignIns()
	old := h.keyring.snapshot()
	h.login()
	fresh := h.keyring.snapshot()
	h.keyring.restore(old)
	h.keyring.after = func() { h.keyring.restore(fresh) }
	h.wait(2 * time.Hour)
	before := h.server.Count()
	if _, err := h.ask(); err != nil {
		t.Fatal(err)
	}
	if n := h.server.Count() - before; n != 2 {
		t.Errorf("%d requests", n)
	}
}

func (m *memory) snapshot() map[string]secret.Text {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.items)
}

func (m *memory) restore(items map[string]secret.Text) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items = maps.Clone(items)
}

// TestRefreshStorm: many processes at once on tokens of seconds, and a server that
// kills the sign-in when it sees a refresh token twice (which is a fault of the
// test). Never invalid_grant.
func TestRefreshStorm(t *testing.T) {
	h := signedIn(t, oauthtest.Options{Lifetime: 40 * time.Second})
	for range 10 {
		var all sync.WaitGroup
		for range 5 {
			all.Add(1)
			go func() {
				defer all.Done()
				if _, err := h.ask(); err != nil {
					t.Error(err)
				}
			}()
		}
		all.Wait()
		h.wait(time.Minute)
	}
	if n := h.server.Count(); n != 10 { // the code, and one refresh for each further round
		t.Errorf("%d token requests", n)
	}
}

// TestSignInIsBound (T14): a profile that points elsewhere does not get the
// refresh token.
func TestSignInIsBound(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	path := h.dirs.Profiles() + "/demo.toml"
	text, _, err := h.helper().ProfileText("demo")
	if err != nil {
		t.Fatal(err)
	}
	h.write(path, strings.Replace(string(text), h.server.TokenURL(), "https://evil.example.com/token", 1))
	_, err = h.ask()
	wantError(t, err, protocol.ErrLogin, "it was changed since somebody signed in (token_url)")
}

// TestIntrospection: active while it lives, and not after.
func TestIntrospection(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	p, err := h.helper().Profile("demo")
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.ask()
	if err != nil {
		t.Fatal(err)
	}
	for _, alive := range []bool{true, false} {
		said, err := h.helper().Introspect(t.Context(), p, c.Secret)
		if err != nil || said.Active != alive {
			t.Errorf("%+v, %v", said, err)
		}
		h.server.RevokeAll()
	}
}

// ecKey is a private key as a file has it.
func ecKey(t *testing.T) (string, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})), key
}

// TestKeys: a private key in the keyring, in its own file by reference, and a
// token that is signed here without any server.
func TestKeys(t *testing.T) {
	text, key := ecKey(t)
	for name, c := range map[string]struct {
		extra    string
		stored   bool
		requests int
	}{
		"in the keyring":           {`client_auth = "private_key_jwt"`, true, 1},
		"by reference":             {`client_auth = "private_key_jwt"` + "\nassertion = { key = [\"file\", \"{file}\"] }", false, 1},
		"as the profile's secret":  {`client_auth = "private_key_jwt"` + "\nsecret = [\"file\", \"{file}\"]", false, 1},
		"as the grant":             {"grant = \"jwt_bearer\"\nclient_auth = \"none\"", true, 1},
		"the token is signed here": {"grant = \"self_signed\"\nclient_auth = \"none\"\nassertion = { aud = \"jira\", sub = \"anna\" }", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "app", Auth: "private_key_jwt", Key: key.Public()}}})
			file := h.dirs.Config + "/key.pem"
			h.write(file, text)
			h.write(h.dirs.Profiles()+"/demo.toml", fmt.Sprintf("url = %q\ntoken_url = %q\nclient_id = \"app\"\n%s\n",
				h.server.URL(), h.server.TokenURL(), strings.ReplaceAll(c.extra, "{file}", file)))
			if c.stored {
				p, err := h.helper().Profile("demo")
				if err != nil {
					t.Fatal(err)
				}
				stored, err := server.ReadKeyFile([]byte(text), secret.Text{})
				if err != nil {
					t.Fatal(err)
				}
				if err := h.helper().StoreSecret(t.Context(), p, stored, time.Time{}); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if c, err := h.ask(); err != nil || c.Secret.IsZero() {
					t.Fatal(err)
				}
			}
			if n := h.server.Count(); n != c.requests {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// certificate makes one for a key, as files have them.
func certificate(t *testing.T, key *ecdsa.PrivateKey) (string, *x509.Certificate) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), cert
}

// TestCertificates: a certificate in a file of its own names the key to Entra, and
// is shown in the handshake by mutual TLS.
func TestCertificates(t *testing.T) {
	text, key := ecKey(t)
	certText, cert := certificate(t, key)
	for name, c := range map[string]struct {
		product, auth, extra string
		options              oauthtest.Options
	}{
		"Entra":      {"entra", "private_key_jwt", "scopes = [\"https://graph.microsoft.com/.default\"]\n", oauthtest.Options{}},
		"mutual TLS": {"plain", "tls_client_auth", "ca_file = \"{ca}\"\n", oauthtest.Options{Certificate: "good"}},
	} {
		t.Run(name, func(t *testing.T) {
			registered := oauthtest.Client{ID: "app", Auth: c.auth, Certificate: cert, NeedsThumbprint: true}
			if c.auth == "tls_client_auth" {
				registered.Auth = "tls"
			}
			c.options.Product, c.options.Clients = c.product, []oauthtest.Client{registered}
			h := newHome(t, c.options)
			h.write(h.dirs.Config+"/key.pem", text)
			h.write(h.dirs.Config+"/cert.pem", certText)
			h.write(h.dirs.Config+"/ca.pem", string(h.server.RootsPEM()))
			h.write(h.dirs.Profiles()+"/demo.toml", fmt.Sprintf("url = %q\ntoken_url = %q\nclient_id = \"app\"\nclient_auth = %q\n%sassertion = { cert = %q, key = [\"file\", %q] }\n",
				h.server.URL(), h.server.TokenURL(), c.auth, strings.ReplaceAll(c.extra, "{ca}", h.dirs.Config+"/ca.pem"), h.dirs.Config+"/cert.pem", h.dirs.Config+"/key.pem"))
			if _, err := h.ask(); err != nil {
				t.Fatal(err)
			}
			other, _ := ecKey(t) // a key that does not fit is found here
			h.write(h.dirs.Config+"/key.pem", other)
			before := h.server.Count()
			_, err := h.helper().Get(context.Background(), protocol.Request{Verb: protocol.Get, Profile: "demo", Refresh: true, MinTTL: 3500})
			if err == nil { // the cached token is still good, with a warning
				err = errors.New(strings.Join(h.warnings, "\n"))
			}
			if !strings.Contains(err.Error(), "does not belong to the certificate") || h.server.Count() != before {
				t.Errorf("%v, %d requests", err, h.server.Count()-before)
			}
		})
	}
}

// TestFederationAndExchange: tokens of somebody else, from a file.
func TestFederationAndExchange(t *testing.T) {
	h := newHome(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "app", Auth: "none"}}})
	file := h.dirs.Config + "/subject"
	h.write(file, "subject\n")
	h.write(h.dirs.Profiles()+"/demo.toml", fmt.Sprintf("url = %q\ntoken_url = %q\nclient_id = \"app\"\ngrant = \"token_exchange\"\nclient_auth = \"none\"\nsubject_token = [\"file\", %q]\n",
		h.server.URL(), h.server.TokenURL(), file))
	if _, err := h.ask(); err != nil {
		t.Fatal(err)
	}
	if sent := h.server.Requests()[0].Body; !strings.Contains(sent, "subject_token=subject&") {
		t.Errorf("sent %s", sent)
	}
	h.write(h.dirs.Profiles()+"/demo.toml", fmt.Sprintf("url = %q\ntoken_url = %q\nclient_id = \"app\"\nclient_auth = \"federation\"\nassertion = { from = [\"file\", %q] }\n",
		h.server.URL(), h.server.TokenURL(), h.dirs.Config+"/none"))
	_, err := h.ask()
	wantError(t, err, protocol.ErrPolicy, "profile demo: assertion.from: file ", "no such file")
	if h.server.Count() != 1 {
		t.Error("a request without an assertion")
	}
}

// TestDiscovery (T13): an issuer fills what a draft leaves open, and only that.
func TestDiscovery(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	f := config.File{Preset: "oidc", Issuer: h.server.Issuer(), ClientID: "x", RevocationURL: "https://own.example.com/revoke"}
	if err := h.helper().Discover(t.Context(), &f); err != nil {
		t.Fatal(err)
	}
	if f.TokenURL != h.server.TokenURL() || f.DeviceURL == "" || f.RevocationURL != "https://own.example.com/revoke" {
		t.Errorf("%+v", f)
	}
	if f.SendsIssuer == nil || !*f.SendsIssuer {
		t.Error("RFC 9207's iss is not demanded")
	}
	if err := h.server.SetQuirks("metadata-origin"); err != nil {
		t.Fatal(err)
	}
	f = config.File{Preset: "oidc", Issuer: h.server.Issuer(), ClientID: "x"}
	if err := h.helper().Discover(t.Context(), &f); err != nil || f.TokenURL != "https://other.example.com/token" {
		t.Errorf("%+v: %v", f, err)
	}
	if all := strings.Join(h.warnings, "|"); !strings.Contains(all, "has an endpoint on another host: token_endpoint https://other.example.com/token") {
		t.Errorf("nobody is shown it: %q", all)
	}
	if err := h.server.SetQuirks("metadata-issuer"); err != nil {
		t.Fatal(err)
	}
	wantError(t, h.helper().Discover(t.Context(), &config.File{Issuer: h.server.Issuer()}), protocol.ErrRefused, "another issuer")
}

// TestSignInProfiles: what is missing for a sign-in is said when the profile is
// read.
func TestSignInProfiles(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	for _, c := range []struct{ text, says string }{
		{`grant = "authorization_code"`, "authorization_url: is missing"},
		{`grant = "device_code"`, "device_url: is missing"},
		{`grant = "refresh_token"`, "say how it begins"},
		{`grant = "token_exchange"`, "subject_token: is missing"},
		{`client_auth = "federation"`, "assertion.from: is missing"},
		{`assertion = { from = ["file", "/x"] }`, "signs no assertions"},
		{"client_auth = \"private_key_jwt\"\nassertion = { from = [\"file\", \"/x\"] }", "belongs to"},
		{"client_auth = \"private_key_jwt\"\nassertion = { alg = \"none\" }", "assertion.alg"},
		{"client_auth = \"private_key_jwt\"\nassertion = { cert = \"x.pem\" }", "is an absolute path"},
		{"client_auth = \"private_key_jwt\"\nassertion = { key = \"keyring\" }", "is a list such as"},
		{`redirect = "http://127.0.0.1/"`, "belongs to grant"},
		{"grant = \"authorization_code\"\nauthorization_url = \"https://a.example.com/\"\nredirect = \"http://192.0.2.1/\"", "not on this machine"},
	} {
		h.write(h.dirs.Profiles()+"/demo.toml", "token_url = \"https://login.example.com/token\"\nclient_id = \"x\"\n"+c.text+"\n")
		_, err := h.helper().Profile("demo")
		wantError(t, err, protocol.ErrPolicy, c.says)
	}
}
