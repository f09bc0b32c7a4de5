// Package test tests credhelper with authorization servers written by others, which may
// refuse what credhelper's own test server accepts.
package test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/secret"
)

// oddSecret contains every kind of character that form encoding changes.
const oddSecret = "p:ä %+/&=\"'~*"

// users gives the example's service user another id and secret, so that their
// encoding is tested.
type users struct{ *storage.Storage }

func (u users) ClientCredentials(ctx context.Context, id, pass string) (op.Client, error) {
	if id != "the client" || pass != oddSecret {
		return nil, errors.New("wrong service user or password")
	}
	return u.Storage.ClientCredentials(ctx, "sid1", "verysecret")
}

func (u users) ClientCredentialsTokenRequest(ctx context.Context, _ string, scopes []string) (op.TokenRequest, error) {
	return u.Storage.ClientCredentialsTokenRequest(ctx, "sid1", scopes)
}

// zitadel runs zitadel/oidc's provider on a loopback address.
func zitadel(t *testing.T) (issuer string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer = "http://" + listener.Addr().String()
	config := &op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, AuthMethodPost: true, AuthMethodPrivateKeyJWT: true, GrantTypeRefreshToken: true}
	provider, err := op.NewProvider(config, users{storage.NewStorage(storage.NewUserStore(issuer))}, op.StaticIssuer(issuer), op.WithAllowInsecure(),
		op.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: provider}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return issuer
}

// TestClientCredentials: client_secret_basic and client_secret_post, with an id and a
// secret that need encoding; and refusals.
func TestClientCredentials(t *testing.T) {
	issuer := zitadel(t)
	for _, c := range []struct {
		name, auth string
		raw        bool
		secret     string
		says       string // "" wants a token
	}{
		{"basic", "basic", false, oddSecret, ""},
		{"post", "post", false, oddSecret, ""},
		{"basic, not encoded", "basic", true, oddSecret, "40"},
		{"basic, wrong secret", "basic", false, "wrong", "invalid_client"},
		{"post, wrong secret", "post", false, "wrong", "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &oauth.Client{
				TokenURL: issuer + "/oauth/token", ID: "the client", Secret: secret.New(c.secret),
				Grant: "client_credentials", Auth: c.auth, RawBasic: c.raw, Scopes: []string{"openid", "profile"},
			}
			token, err := client.Token(t.Context())
			if c.says != "" {
				var e *oauth.Error
				if !errors.As(err, &e) || e.Kind != oauth.Refused || e.Tries != 1 || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want a refusal with %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if life := token.Expires.Sub(token.Sent); life < time.Minute || token.Access.Len() < 20 {
				t.Errorf("a token of %d bytes that lives %v", token.Access.Len(), life)
			}
		})
	}
}
