package oauth_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

func ready(s string) func() (secret.Text, error) {
	return func() (secret.Text, error) { return secret.New(s), nil }
}

// TestExactForms holds every field of every grant's request: RFC 6749 4.1.3, 4.4.2
// and 6, RFC 7523 2.1, RFC 8628 3.4, RFC 8693 2.1. One grant has none.
func TestExactForms(t *testing.T) {
	forms := map[string]struct {
		use  oauth.Use
		form string
	}{
		"client_credentials": {form: "client_id=client&client_secret=s&grant_type=client_credentials&scope=a+b"},
		"refresh_token": {oauth.Use{Refresh: secret.New("r 1")},
			"client_id=client&client_secret=s&grant_type=refresh_token&refresh_token=r+1&scope=a+b"},
		"authorization_code": {oauth.Use{Code: secret.New("c/1"), Verifier: secret.New("v"), Redirect: "http://127.0.0.1:1/cb"},
			"client_id=client&client_secret=s&code=c%2F1&code_verifier=v&grant_type=authorization_code&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb"},
		"device_code": {oauth.Use{Device: secret.New("d")},
			"client_id=client&client_secret=s&device_code=d&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"},
		"jwt_bearer": {form: "assertion=e.y.J&client_id=client&client_secret=s&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=a+b"},
		"token_exchange": {oauth.Use{Subject: ready("sub\n"), SubjectType: "urn:ietf:params:oauth:token-type:jwt", Requested: "urn:x"},
			"client_id=client&client_secret=s&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&requested_token_type=urn%3Ax&scope=a+b" +
				"&subject_token=sub&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"},
	}
	for _, g := range oauth.Grants {
		if g.Make != nil {
			continue
		}
		t.Run(g.Name, func(t *testing.T) {
			want, known := forms[g.Name]
			if !known {
				t.Fatal("a grant without an exact form here")
			}
			address, request := recorder(t)
			client := &oauth.Client{
				TokenURL: "http://" + address + "/token", ID: "client", Secret: secret.New("s"), Auth: "post", Grant: g.Name,
				Scopes: []string{"a", "b"}, Use: want.use, Assertion: oauth.Assertion{Ready: ready("e.y.J")},
			}
			if _, err := client.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, body, _ := strings.Cut(request(), "\r\n\r\n"); body != want.form {
				t.Errorf("body\n got %s\nwant %s", body, want.form)
			}
		})
	}
}

// TestAnonymousAssertion (RFC 7521 4.1): with "none", a jwt_bearer request names
// no client; its assertion does.
func TestAnonymousAssertion(t *testing.T) {
	client, server := proving(t, "private_key_jwt", made["RSA"](), func(c *oauth.Client, _ *oauthtest.Client) { c.Grant = "jwt_bearer" })
	client.Auth = "none"
	if _, err := client.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if form, err := url.ParseQuery(server.Requests()[0].Body); err != nil || len(form) != 2 || !form.Has("assertion") {
		t.Errorf("sent %v", form)
	}
}

// TestMissingMaterial: a grant that has nothing to show asks nobody.
func TestMissingMaterial(t *testing.T) {
	for _, c := range []struct {
		grant string
		use   oauth.Use
		says  string
	}{
		{"refresh_token", oauth.Use{}, "no refresh token"},
		{"refresh_token", oauth.Use{Refresh: secret.New("a\nb")}, "cannot be one"},
		{"authorization_code", oauth.Use{}, "no authorization code"},
		{"authorization_code", oauth.Use{Code: secret.New("c")}, "no code verifier"},
		{"device_code", oauth.Use{}, "no device code"},
		{"jwt_bearer", oauth.Use{}, "private key or a ready assertion"},
		{"self_signed", oauth.Use{}, "needs a private key"},
		{"token_exchange", oauth.Use{}, "needs a subject token"},
		{"token_exchange", oauth.Use{Subject: ready("a"), Requested: "urn:ietf:params:oauth:token-type:refresh_token"}, "never given out as a bearer"},
		{"token_exchange", oauth.Use{Subject: ready("a\nb")}, "one line"},
		{"token_exchange", oauth.Use{Subject: ready("a"), SubjectType: "jwt"}, "is not a URI"},
	} {
		t.Run(c.grant+", "+c.says, func(t *testing.T) {
			client := &oauth.Client{TokenURL: "https://login.example.com/token", ID: "client", Secret: secret.New("s"), Auth: "post", Grant: c.grant, Use: c.use}
			client.HTTP = newClient(t, newServer(t, oauthtest.Options{})).HTTP
			client.HTTP.Transport = noNetwork{t}
			_, err := client.Token(t.Context())
			var e *oauth.Error
			if !errors.As(err, &e) || e.Kind != oauth.Policy || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// TestNotRepeated (A10): what may be used up is sent once when bytes
// left, unless the server says that it did nothing.
func TestNotRepeated(t *testing.T) {
	for _, c := range []struct {
		grant, behaviour string
		requests         int
	}{
		{"client_credentials", "status-500", 2}, {"client_credentials", "reset-late", 2},
		{"refresh_token", "status-500", 1}, {"refresh_token", "reset-late", 1}, {"refresh_token", "close-late", 1}, {"refresh_token", "status-504", 1},
		{"refresh_token", "status-429", 2}, {"refresh_token", "status-503", 2}, {"refresh_token", "reset-early", 1},
		{"authorization_code", "status-500", 1}, {"authorization_code", "close-late", 1},
		{"token_exchange", "status-500", 2}, {"jwt_bearer", "status-500", 2},
	} {
		t.Run(c.grant+", "+c.behaviour, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{Fault: func(string, ...any) {}})
			client := newClient(t, server)
			client.Grant = c.grant
			client.Use = oauth.Use{Refresh: secret.New("r"), Code: secret.New("c"), Verifier: secret.New("v"), Subject: ready("subject")}
			client.Assertion.Ready = ready("e.y.J")
			if err := server.Queue(c.behaviour); err != nil {
				t.Fatal(err)
			}
			_, _ = client.Token(t.Context())
			// Whether bytes left before an early reset came is the kernel's to say: then
			// there is no second try, and the server saw none of the first.
			n := server.Count()
			if early := c.behaviour == "reset-early" && n == 0; n != c.requests && !early {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

// signIn gets the first tokens of a sign-in by code.
func signIn(t *testing.T, client *oauth.Client, server *oauthtest.Server) *oauth.Token {
	t.Helper()
	in, err := client.Begin(oauth.AuthorizationRequest{AuthorizationURL: server.URL() + "/authorize", Redirect: "http://127.0.0.1:4711/cb", Issuer: server.Issuer(), MustIssuer: true})
	if err != nil {
		t.Fatal(err)
	}
	token, err := in.Finish(t.Context(), redirected(t, client, in.URL))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestRotation (A10, A18; RFC 6749 6): each refresh brings the next refresh token;
// the old one ends the whole sign-in.
func TestRotation(t *testing.T) {
	server := newServer(t, oauthtest.Options{Fault: func(string, ...any) {}})
	client := newClient(t, server)
	token := signIn(t, client, server)
	client.Grant = "refresh_token"
	first := token.Refresh
	for n := range 3 {
		client.Use = oauth.Use{Refresh: token.Refresh}
		next, err := client.Token(t.Context())
		if err != nil || next.Refresh.IsZero() || next.Refresh.Equal(token.Refresh) {
			t.Fatalf("refresh %d: %v", n, err)
		}
		token = next
	}
	client.Use = oauth.Use{Refresh: first}
	var e *oauth.Error
	if _, err := client.Token(t.Context()); !errors.As(err, &e) || e.Code != "invalid_grant" || e.Tries != 1 {
		t.Errorf("the old token: %v", err)
	}
	client.Use = oauth.Use{Refresh: token.Refresh}
	if _, err := client.Token(t.Context()); !errors.As(err, &e) || e.Code != "invalid_grant" {
		t.Errorf("the family lives on: %v", err)
	}
	if err := server.SetQuirks("refresh-kept"); err != nil {
		t.Fatal(err)
	}
	client.Use = oauth.Use{Refresh: signIn(t, client, server).Refresh}
	if token, err := client.Token(t.Context()); err != nil || !token.Refresh.IsZero() {
		t.Errorf("a server that keeps it: %v, %v", token, err)
	}
}

// TestExchange (RFC 8693 2.2): what comes back, with the ways of real servers.
func TestExchange(t *testing.T) {
	const id = "urn:ietf:params:oauth:token-type:id_token"
	for _, c := range []struct{ name, quirk, requested, says string }{
		{"as the RFC has it", "", "", ""},
		{"issued_token_type refresh_token beside an access token", "exchange-refresh", "", ""},
		{"the same, asked for by name", "exchange-refresh", "urn:ietf:params:oauth:token-type:access_token", ""},
		{"the same, and something else was asked for", "exchange-refresh", id, "a refresh token instead"},
		{"a refresh token as access_token", "exchange-only-refresh", "", "a refresh token instead"},
		{"N_A, and it was asked for", "exchange-na", id, ""},
		{"N_A, and it was not asked for", "exchange-na", "", "token_type"},
		{"N_A, and something else was asked for", "exchange-na", "urn:ietf:params:oauth:token-type:jwt", "token_type"},
		{"DPoP", "dpop", "", "DPoP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{Quirk: c.quirk})
			client := newClient(t, server)
			client.Grant, client.Use = "token_exchange", oauth.Use{Subject: ready("subject"), Requested: c.requested}
			token, err := client.Token(t.Context())
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %q", err, c.says)
				}
				return
			}
			if err != nil || token.Access.IsZero() {
				t.Error(err)
			}
		})
	}
}

// TestDPoPRefused (RFC 9449): a token that is bound to a proof is never
// given on as a bearer's.
func TestDPoPRefused(t *testing.T) {
	server := newServer(t, oauthtest.Options{Quirk: "dpop"})
	_, err := newClient(t, server).Token(t.Context())
	if err == nil || !strings.Contains(err.Error(), "DPoP") {
		t.Errorf("got %v", err)
	}
}

// TestSelfSigned: miniOrange's public-key set-up. The token is the JWT itself,
// with the claims of the profile, and no server is asked.
func TestSelfSigned(t *testing.T) {
	at := time.Now().Truncate(time.Second)
	client := &oauth.Client{
		ID: "credhelper", Auth: "none", Grant: "self_signed", Key: made["RSA"]().bare(t), Now: func() time.Time { return at },
		Assertion: oauth.Assertion{Audience: "jira", Subject: "anna", Claims: [][2]string{{"email", "anna@example.com"}}}, DefaultTTL: 10 * time.Minute,
	}
	token, err := client.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	header, claims := decodeJWT(t, token.Access.Reveal())
	sameMap(t, "header", header, map[string]any{"alg": "RS256", "typ": "JWT"})
	delete(claims, "jti")
	sameMap(t, "claims", claims, map[string]any{
		"iss": "credhelper", "sub": "anna", "aud": "jira", "email": "anna@example.com",
		"iat": at.Unix(), "nbf": at.Unix(), "exp": at.Unix() + 600,
	})
	if !token.Expires.Equal(at.Add(10*time.Minute)) || token.Tries != 0 {
		t.Errorf("ends %v, tries %d", token.Expires, token.Tries)
	}
}
