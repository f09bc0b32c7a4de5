package oauth_test

import (
	"crypto/sha1" //nolint:gosec // x5t is SHA-1 by definition
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

const longSecret = "a secret of more than thirty-two bytes"

// proving is a client with the given proof and its server, which knows it.
func proving(t *testing.T, auth string, p pair, change func(*oauth.Client, *oauthtest.Client)) (*oauth.Client, *oauthtest.Server) {
	t.Helper()
	registered := oauthtest.Client{ID: "client", Secret: longSecret, Auth: auth}
	if p.key != nil {
		registered.Key = p.key.Public()
	}
	options := oauthtest.Options{}
	if strings.Contains(auth, "tls") {
		registered.Auth, registered.Certificate, options.Certificate = "tls", p.cert, "good"
	}
	client := &oauth.Client{ID: "client", Secret: secret.New(longSecret), Auth: auth}
	if p.key != nil {
		client.Key = p.read(t)
	}
	if change != nil {
		change(client, &registered)
	}
	options.Clients = []oauthtest.Client{registered}
	server := newServer(t, options)
	ours := newClient(t, server)
	client.TokenURL, client.HTTP, client.Sleep, client.Grant = ours.TokenURL, ours.HTTP, ours.Sleep, orText(client.Grant, "client_credentials")
	if strings.Contains(auth, "tls") {
		shown, err := client.Key.TLS()
		if err != nil {
			t.Fatal(err)
		}
		if ours.HTTP, err = oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: server.RootsPEM(), Certificate: shown}); err != nil {
			t.Fatal(err)
		}
		client.HTTP = ours.HTTP
	}
	return client, server
}

func orText(s, unset string) string {
	if s == "" {
		return unset
	}
	return s
}

// TestClientAuths: each way with which a client can prove who it is gets a token
// of a server that takes no other.
func TestClientAuths(t *testing.T) {
	for _, c := range []struct {
		name, auth, key string
		change          func(*oauth.Client, *oauthtest.Client)
	}{
		{"RS256", "private_key_jwt", "RSA", func(c *oauth.Client, s *oauthtest.Client) { c.Assertion.Alg, s.Alg = "RS256", "RS256" }},
		{"PS256 is the default with a certificate", "private_key_jwt", "RSA", func(_ *oauth.Client, s *oauthtest.Client) { s.Alg = "PS256" }},
		{"RS256 is the default without", "private_key_jwt", "RSA", func(c *oauth.Client, s *oauthtest.Client) { c.Key, s.Alg = made["RSA"]().bare(t), "RS256" }},
		{"ES256", "private_key_jwt", "EC", func(_ *oauth.Client, s *oauthtest.Client) { s.Alg = "ES256" }},
		{"EdDSA", "private_key_jwt", "Ed25519", func(_ *oauth.Client, s *oauthtest.Client) { s.Alg = "EdDSA" }},
		{"the certificate named by x5t#S256", "private_key_jwt", "RSA", func(_ *oauth.Client, s *oauthtest.Client) {
			s.Certificate, s.NeedsThumbprint = made["RSA"]().cert, true
		}},
		{"the certificate named by x5t", "private_key_jwt", "RSA", func(c *oauth.Client, s *oauthtest.Client) {
			c.Assertion.Thumbprint, s.Certificate, s.NeedsThumbprint = "x5t", made["RSA"]().cert, true
		}},
		{"HS256", "client_secret_jwt", "", nil},
		{"mutual TLS", "tls_client_auth", "EC", nil},
		{"mutual TLS, self-signed", "self_signed_tls_client_auth", "RSA", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pair
			if c.key != "" {
				p = made[c.key]()
			}
			client, server := proving(t, c.auth, p, c.change)
			if _, err := client.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			sent := server.Requests()[0]
			form, err := url.ParseQuery(sent.Body)
			if err != nil || form.Get("client_id") != "client" || form.Has("client_secret") || sent.Header.Get("Authorization") != "" {
				t.Errorf("sent %s", sent.Body)
			}
		})
	}
}

// claimsOf decodes the JWT in a form field.
func claimsOf(t *testing.T, body, field string) (header, claims map[string]any) {
	t.Helper()
	form, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	return decodeJWT(t, form.Get(field))
}

func decodeJWT(t *testing.T, compact string) (header, claims map[string]any) {
	t.Helper()
	part := strings.Split(compact, ".")
	if len(part) != 3 {
		t.Fatalf("%q is no JWT", compact)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		bytes, err := base64.RawURLEncoding.DecodeString(part[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(bytes, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// TestAssertionExactly holds every member of a JWT: RFC 7523 3, RFC 7515 4.1, and
// Microsoft's "certificate-credentials".
func TestAssertionExactly(t *testing.T) {
	rsaPair := made["RSA"]()
	old, long := sha1.Sum(rsaPair.cert.Raw), sha256.Sum256(rsaPair.cert.Raw) //nolint:gosec // see above
	encode := base64.RawURLEncoding.EncodeToString
	for _, c := range []struct {
		name   string
		change func(*oauth.Client)
		header map[string]any
		claims map[string]any // without jti; {token} stands for the endpoint
	}{
		{"as it comes", func(*oauth.Client) {},
			map[string]any{"alg": "PS256", "typ": "JWT", "x5t#S256": encode(long[:])},
			map[string]any{"iss": "client", "sub": "client", "aud": "{token}", "iat": 1000.0, "nbf": 1000.0, "exp": 1120.0}},
		{"every setting", func(c *oauth.Client) {
			c.Assertion = oauth.Assertion{
				Alg: "RS256", KeyID: "k1", Thumbprint: "both", Audience: "https://issuer", Issuer: "me", Subject: "anna", Life: time.Minute,
				Claims: [][2]string{{"email", "a@example.com"}},
			}
		}, map[string]any{"alg": "RS256", "typ": "JWT", "kid": "k1", "x5t": encode(old[:]), "x5t#S256": encode(long[:])},
			map[string]any{"iss": "me", "sub": "anna", "aud": "https://issuer", "iat": 1000.0, "nbf": 1000.0, "exp": 1060.0, "email": "a@example.com"}},
		{"no thumbprint", func(c *oauth.Client) { c.Assertion.Thumbprint = "none" },
			map[string]any{"alg": "PS256", "typ": "JWT"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{Fault: func(string, ...any) {}})
			client := newClient(t, server)
			client.Auth, client.Key, client.Now = "private_key_jwt", rsaPair.read(t), func() time.Time { return time.Now() }
			c.change(client)
			at := time.Now().Truncate(time.Second)
			client.Now = func() time.Time { return at }
			_, _ = client.Token(t.Context()) // refused: the server does not know the key
			form, err := url.ParseQuery(server.Requests()[0].Body)
			if err != nil || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				t.Fatalf("sent %s", server.Requests()[0].Body)
			}
			header, claims := claimsOf(t, server.Requests()[0].Body, "client_assertion")
			sameMap(t, "header", header, c.header)
			if c.claims == nil {
				return
			}
			if jti, _ := claims["jti"].(string); len(jti) < 20 {
				t.Errorf("jti %q can be guessed", jti)
			}
			delete(claims, "jti")
			for _, name := range []string{"iat", "nbf", "exp"} {
				c.claims[name] = c.claims[name].(float64) - 1000 + float64(at.Unix())
			}
			if c.claims["aud"] == "{token}" {
				c.claims["aud"] = client.TokenURL
			}
			sameMap(t, "claims", claims, c.claims)
			signed, err := jose.ParseSignedCompact(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.PS256, jose.RS256})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := signed.Verify(rsaPair.key.Public()); err != nil {
				t.Error(err)
			}
		})
	}
}

func sameMap(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	a, err1 := json.Marshal(got)
	b, err2 := json.Marshal(want)
	if err1 != nil || err2 != nil || string(a) != string(b) {
		t.Errorf("%s\n got %s\nwant %s", what, a, b)
	}
}

// TestNewAssertionEachTry (A10): two tries after a 503, three assertions, none
// like the other. The server calls a jti that comes twice a fault.
func TestNewAssertionEachTry(t *testing.T) {
	client, server := proving(t, "private_key_jwt", made["EC"](), nil)
	if err := server.Queue("status-503", "status-500"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[any]bool{}
	for _, r := range server.Requests() {
		_, claims := claimsOf(t, r.Body, "client_assertion")
		seen[claims["jti"]] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d different jti in 3 requests", len(seen))
	}
}

// TestAudience: there is no aud that all servers take, so it can be set.
func TestAudience(t *testing.T) {
	for _, c := range []struct {
		name, quirk string
		issuer, ok  bool
	}{
		{"token endpoint only, by default", "", false, true},
		{"token endpoint only, the issuer given", "", true, false},
		{"issuer only, by default", "aud-issuer", false, false},
		{"issuer only, the issuer given", "aud-issuer", true, true},
		{"either", "aud-either", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := proving(t, "private_key_jwt", made["EC"](), nil)
			if c.quirk != "" {
				if err := server.SetQuirks(c.quirk); err != nil {
					t.Fatal(err)
				}
			}
			if c.issuer {
				client.Assertion.Audience = server.Issuer()
			}
			if _, err := client.Token(t.Context()); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
}

// TestNoRequestWithABadProof: what can be known before a request costs none. A
// few refused requests lock an account.
func TestNoRequestWithABadProof(t *testing.T) {
	web := &http.Client{Transport: noNetwork{t}}
	for _, c := range []struct {
		name, auth, key string
		change          func(*oauth.Client)
		says            string
	}{
		{"no key", "private_key_jwt", "", nil, "needs a private key"},
		{"expired certificate", "private_key_jwt", "over", nil, "expired on"},
		{"certificate of tomorrow", "private_key_jwt", "early", nil, "not valid before"},
		{"expired certificate, TLS", "tls_client_auth", "over", nil, "expired on"},
		{"no certificate, TLS", "tls_client_auth", "EC", func(c *oauth.Client) { c.Key = made["EC"]().bare(t) }, "needs a certificate"},
		{"TLS over http", "tls_client_auth", "EC", func(c *oauth.Client) { c.TokenURL = "http://127.0.0.1/token" }, "needs https"},
		{"TLS without its certificate in the connection", "tls_client_auth", "EC", func(c *oauth.Client) { c.HTTP = plainHTTP(t) }, "without the client's certificate"},
		{"alg of another key", "private_key_jwt", "EC", func(c *oauth.Client) { c.Assertion.Alg = "RS256" }, "does not go with"},
		{"unknown alg", "private_key_jwt", "EC", func(c *oauth.Client) { c.Assertion.Alg = "none" }, "none of RS256"},
		{"HS256 with a key", "private_key_jwt", "EC", func(c *oauth.Client) { c.Assertion.Alg = "HS256" }, "none of RS256"},
		{"thumbprint without certificate", "private_key_jwt", "EC", func(c *oauth.Client) {
			c.Key, c.Assertion.Thumbprint = made["EC"]().bare(t), "x5t"
		}, "needs a certificate"},
		{"unknown thumbprint", "private_key_jwt", "EC", func(c *oauth.Client) { c.Assertion.Thumbprint = "md5" }, "none of"},
		{"two hours", "private_key_jwt", "EC", func(c *oauth.Client) { c.Assertion.Life = 2 * time.Hour }, "more than an hour"},
		{"a claim of its own", "private_key_jwt", "EC", func(c *oauth.Client) { c.Assertion.Claims = [][2]string{{"aud", "x"}} }, "cannot be set by hand"},
		{"short secret", "client_secret_jwt", "", func(c *oauth.Client) { c.Secret = secret.New("short") }, "32 bytes"},
		{"another alg with a secret", "client_secret_jwt", "", func(c *oauth.Client) { c.Assertion.Alg = "RS256" }, "HS256 only"},
		{"no assertion", "federation", "", nil, "needs an assertion"},
		{"an assertion with a line end", "federation", "", func(c *oauth.Client) {
			c.Assertion.Ready = func() (secret.Text, error) { return secret.New("a\nb"), nil }
		}, "one line"},
		{"an assertion that cannot be had", "federation", "", func(c *oauth.Client) {
			c.Assertion.Ready = func() (secret.Text, error) { return secret.Text{}, errors.New("open /run/secret: " + canary) }
		}, "cannot be had"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &oauth.Client{
				TokenURL: "https://login.example.com/token", ID: "client", Secret: secret.New(longSecret), Grant: "client_credentials", Auth: c.auth, HTTP: web,
			}
			if c.key != "" {
				client.Key = made[c.key]().read(t)
			}
			if c.change != nil {
				c.change(client)
			}
			_, err := client.Token(t.Context())
			var e *oauth.Error
			if !errors.As(err, &e) || e.Kind != oauth.Policy || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func plainHTTP(t *testing.T) *http.Client {
	t.Helper()
	web, err := oauth.NewHTTPClient(oauth.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return web
}

// TestServerRefusesBadProofs shows that the test server is no pushover: each
// assertion that RFC 7523 3 forbids gets invalid_client.
func TestServerRefusesBadProofs(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*oauth.Client, *oauthtest.Client)
	}{
		{"another key", func(c *oauth.Client, _ *oauthtest.Client) { c.Key = made["RSA"]().read(t) }},
		{"another issuer", func(c *oauth.Client, _ *oauthtest.Client) { c.Assertion.Issuer = "other" }},
		{"longer than 300 s", func(c *oauth.Client, _ *oauthtest.Client) { c.Assertion.Life = 301 * time.Second }},
		{"an alg that is not registered", func(_ *oauth.Client, s *oauthtest.Client) { s.Alg = "RS256" }},
		{"over already", func(c *oauth.Client, _ *oauthtest.Client) {
			c.Now = func() time.Time { return time.Now().Add(-10 * time.Minute) }
		}},
		{"a certificate that is not named", func(c *oauth.Client, s *oauthtest.Client) {
			c.Assertion.Thumbprint, s.Certificate, s.NeedsThumbprint = "none", made["EC"]().cert, true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, _ := proving(t, "private_key_jwt", made["EC"](), c.change)
			_, err := client.Token(t.Context())
			var e *oauth.Error
			if !errors.As(err, &e) || e.Code != "invalid_client" {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("another certificate in TLS", func(t *testing.T) {
		client, server := proving(t, "tls_client_auth", made["EC"](), nil)
		server.SetClient(oauthtest.Client{ID: "client", Auth: "tls", Certificate: made["RSA"]().cert})
		if _, err := client.Token(t.Context()); err == nil {
			t.Error("taken")
		}
	})
}

// TestFederation: an assertion made elsewhere is sent as it is, asked for anew at
// each try, and never shown.
func TestFederation(t *testing.T) {
	assertion := "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjbGllbnQifQ.c2ln"
	server := newServer(t, oauthtest.Options{})
	client := newClient(t, server)
	asked := 0
	client.Auth, client.Assertion.Ready = "federation", func() (secret.Text, error) { asked++; return secret.New(assertion + "\n"), nil }
	if err := server.Queue("status-503"); err != nil {
		t.Fatal(err)
	}
	_, err := client.Token(t.Context())
	form, _ := url.ParseQuery(server.Requests()[0].Body)
	if form.Get("client_assertion") != assertion || asked != 2 {
		t.Errorf("sent %q, asked %d times", form.Get("client_assertion"), asked)
	}
	if err == nil || strings.Contains(err.Error(), assertion) {
		t.Errorf("got %v", err)
	}
}
