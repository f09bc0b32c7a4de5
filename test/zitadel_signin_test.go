package test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/secret"
)

// clientKey is the clients' signing key: the example's own has only 1024 bits, which
// credhelper refuses.
var clientKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// signs is the example's storage with keys for its clients.
type signs struct{ *storage.Storage }

// GetKeyByIDAndClientID returns the same key for every client.
func (s signs) GetKeyByIDAndClientID(_ context.Context, keyID, _ string) (*jose.JSONWebKey, error) {
	return &jose.JSONWebKey{KeyID: keyID, Use: "sig", Key: &clientKey().PublicKey}, nil
}

// signing is a client that authenticates with private_key_jwt.
type signing struct{ op.Client }

func (signing) AuthMethod() oidc.AuthMethod { return oidc.AuthMethodPrivateKeyJWT }

// GetClientByClientID makes the client "robot" a signing one.
func (s signs) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	if err == nil && id == "robot" {
		return signing{c}, nil
	}
	return c, err
}

// provider is zitadel/oidc with its storage, through which the tests act as the person.
type provider struct {
	issuer string
	store  *storage.Storage
	back   func(context.Context, string) string // where the login page leads to
}

func newProvider(t *testing.T) provider {
	t.Helper()
	const redirect = "http://127.0.0.1:4711/cb"
	storage.RegisterClients(
		storage.NativeClient("native", redirect), storage.NativeClient("robot", redirect),
		storage.WebClient("web", oddSecret, redirect), storage.DeviceClient("device", "s3cret"),
	)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := provider{issuer: "http://" + listener.Addr().String()}
	p.store = storage.NewStorage(storage.NewUserStore(p.issuer))
	config := &op.Config{
		CryptoKey: [32]byte{1}, CodeMethodS256: true, AuthMethodPost: true, AuthMethodPrivateKeyJWT: true, GrantTypeRefreshToken: true,
		DeviceAuthorization: op.DeviceAuthorizationConfig{Lifetime: time.Minute, PollInterval: 5 * time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20},
	}
	server, err := op.NewProvider(config, signs{p.store}, op.StaticIssuer(p.issuer), op.WithAllowInsecure(),
		op.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		t.Fatal(err)
	}
	p.back = op.AuthCallbackURL(server)
	web := &http.Server{Handler: server}
	go func() { _ = web.Serve(listener) }()
	t.Cleanup(func() { web.Close() })
	return p
}

// client returns a client of it, configured by discovery.
func (p provider) client(t *testing.T, id, pass, grant, auth string) (*oauth.Client, *oauth.Metadata) {
	t.Helper()
	c := &oauth.Client{ID: id, Secret: secret.New(pass), Grant: grant, Auth: auth, Sleep: func(context.Context, time.Duration) error { return nil }}
	m, err := c.Discover(t.Context(), p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	c.TokenURL = m.TokenURL
	return c, m
}

// withKey lets a client sign assertions; this server accepts the issuer as audience.
func (p provider) withKey(t *testing.T, c *oauth.Client, alg string) *oauth.Client {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(clientKey())
	if err != nil {
		t.Fatal(err)
	}
	c.Key, err = oauth.ReadKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), secret.Text{})
	if err != nil {
		t.Fatal(err)
	}
	c.Assertion = oauth.Assertion{Audience: p.issuer, KeyID: "key1", Alg: alg}
	return c
}

// location returns the target of a redirect.
func location(t *testing.T, address string) *url.URL {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
	}
	return to
}

// signIn acts as a person with a browser who knows the password.
func (p provider) signIn(t *testing.T, c *oauth.Client, m *oauth.Metadata) *oauth.Token {
	t.Helper()
	c.Scopes = []string{"openid", "offline_access"}
	in, err := c.Begin(oauth.AuthorizationRequest{AuthorizationURL: m.AuthorizationURL, Redirect: "http://127.0.0.1:4711/cb", Issuer: m.Issuer, MustIssuer: m.SendsIssuer})
	if err != nil {
		t.Fatal(err)
	}
	id := location(t, in.URL).Query().Get("authRequestID")
	if err := p.store.CheckUsernamePassword("test-user@127.0.0.1", "verysecure", id); err != nil {
		t.Fatal(err)
	}
	next := p.back(op.ContextWithIssuer(t.Context(), p.issuer), id)
	if strings.HasPrefix(next, "/") {
		next = p.issuer + next
	}
	token, err := in.Finish(t.Context(), location(t, next).Query())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestCodeAndRefresh: code with PKCE, rotation, introspection and revocation, by a
// public client, one with a secret that needs encoding, and one that signs.
func TestCodeAndRefresh(t *testing.T) {
	for _, c := range []struct{ id, pass, auth string }{{"native", "", "none"}, {"web", oddSecret, "basic"}, {"web", oddSecret, "post"}, {"robot", "", "private_key_jwt"}} {
		t.Run(c.id+", "+c.auth, func(t *testing.T) {
			p := newProvider(t)
			client, m := p.client(t, c.id, c.pass, "authorization_code", c.auth)
			if c.auth == "private_key_jwt" {
				p.withKey(t, client, "")
			}
			token := p.signIn(t, client, m)
			if token.Refresh.IsZero() {
				t.Fatal("no refresh token")
			}
			client.Grant, client.Scopes = "refresh_token", nil
			for range 2 {
				client.Use = oauth.Use{Refresh: token.Refresh}
				next, err := client.Token(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if next.Refresh.IsZero() || next.Refresh.Equal(token.Refresh) {
					t.Fatal("the refresh token did not rotate")
				}
				token = next
			}
			if c.auth != "none" && c.auth != "post" { // this server wants Basic or a signature here
				said, err := client.Introspect(t.Context(), m.IntrospectionURL, token.Access)
				if err != nil {
					t.Fatal(err)
				}
				if !said.Active || said.ClientID != c.id {
					t.Errorf("introspection says %+v", said)
				}
			}
			if err := client.Revoke(t.Context(), m.RevocationURL, token.Refresh, "refresh_token"); err != nil {
				t.Fatal(err)
			}
			client.Use = oauth.Use{Refresh: token.Refresh}
			if _, err := client.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
				t.Errorf("after revocation: %v", err)
			}
		})
	}
}

// TestJWTBearer: an assertion as the grant, with two algorithms, and with an audience
// that this server does not accept.
func TestJWTBearer(t *testing.T) {
	p := newProvider(t)
	for _, alg := range []string{"RS256", "PS256"} {
		client, _ := p.client(t, "service", "", "jwt_bearer", "none")
		p.withKey(t, client, alg)
		client.Scopes = []string{"openid"}
		if _, err := client.Token(t.Context()); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		client.Assertion.Audience = "" // the token endpoint
		if _, err := client.Token(t.Context()); err == nil {
			t.Errorf("%s: an audience that is not the issuer is taken", alg)
		}
	}
}

// TestTokenExchange: an access token is exchanged for another one, and for an ID token,
// whose token_type is N_A.
func TestTokenExchange(t *testing.T) {
	p := newProvider(t)
	client, m := p.client(t, "web", oddSecret, "authorization_code", "basic")
	first := p.signIn(t, client, m)
	client.Grant, client.Scopes = "token_exchange", []string{"openid"}
	client.Use = oauth.Use{Subject: func() (secret.Text, error) { return first.Access, nil }}
	for _, requested := range []string{"", "urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:id_token"} {
		client.Use.Requested = requested
		token, err := client.Token(t.Context())
		if err != nil {
			t.Errorf("%s: %v", requested, err)
			continue
		}
		if token.Access.Equal(first.Access) {
			t.Errorf("%s: nothing was exchanged", requested)
		}
	}
}

// TestDeviceCode: a person signs in on another device after the second poll.
func TestDeviceCode(t *testing.T) {
	p := newProvider(t)
	client, m := p.client(t, "device", "s3cret", "device_code", "basic")
	client.Scopes = []string{"openid"}
	// The address for the person is the issuer's, plain http on loopback.
	device, err := client.Device(t.Context(), m.DeviceURL)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	client.Sleep = func(context.Context, time.Duration) error {
		if asked++; asked == 3 {
			return p.store.CompleteDeviceAuthorization(t.Context(), device.UserCode, "id1")
		}
		return nil
	}
	token, err := client.Poll(t.Context(), device)
	if err != nil || token.Tries != 3 {
		t.Errorf("after %d questions: %v", asked, err)
	}
}
