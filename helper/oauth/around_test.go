package oauth_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestDiscover (T13, D3; RFC 8414 3.3): the document must be about the issuer, and what
// lies on other hosts is https and listed.
func TestDiscover(t *testing.T) {
	for _, c := range []struct{ quirk, says string }{
		{"", ""},
		{"metadata-8414", ""},
		{"metadata-issuer", "another issuer, \"https://other.example.com\""},
		{"metadata-clear", "on another origin than the issuer, and not https"},
		{"metadata-none", "404"},
	} {
		t.Run("server "+c.quirk, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{Quirk: c.quirk})
			client := newClient(t, server)
			m, err := client.Discover(t.Context(), server.Issuer())
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.TokenURL != server.TokenURL() || m.RevocationURL != server.URL()+"/revoke" || !m.SendsIssuer {
				t.Errorf("%+v", m)
			}
		})
	}
	server := newServer(t, oauthtest.Options{Quirk: "metadata-origin"})
	m, err := newClient(t, server).Discover(t.Context(), server.Issuer()+"/") // a slash too many
	if err != nil || len(m.Elsewhere) != 1 || m.Elsewhere[0] != "token_endpoint https://other.example.com/token" || m.Issuer != server.Issuer() {
		t.Errorf("%+v, %v", m, err)
	}
	for _, issuer := range []string{"http://login.example.com", "https://login.example.com?x", "login", "https://u:p@login.example.com"} {
		if _, err := newClient(t, newServer(t, oauthtest.Options{})).Discover(t.Context(), issuer); err == nil {
			t.Errorf("issuer %s is taken", issuer)
		}
	}
}

// FuzzDiscover: whatever the document says, its endpoints are the issuer's own or
// listed, or there is one clean line (T13, T23).
func FuzzDiscover(f *testing.F) {
	const issuer = "https://login.example.com/realm"
	f.Add(200, `{"issuer":"https://login.example.com/realm","token_endpoint":"https://login.example.com/token"}`)
	f.Add(200, `{"issuer":"https://login.example.com/realm","token_endpoint":"https://login.example.com.evil/token"}`)
	f.Add(200, `{"issuer":"https://login.example.com/realm","token_endpoint":"https://login.example.com@evil/token"}`)
	f.Add(404, `<html>`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 999 {
			return
		}
		client := &oauth.Client{HTTP: &http.Client{Transport: canned{status, http.Header{}, []byte(body)}}}
		m, err := client.Discover(t.Context(), issuer)
		if err != nil {
			wantOneCleanLine(t, err.Error())
			return
		}
		for _, address := range []string{m.TokenURL, m.AuthorizationURL, m.DeviceURL, m.RevocationURL, m.IntrospectionURL} {
			if u, err := url.Parse(address); address != "" && (err != nil || u.Host != "login.example.com" && u.Host != "login.example.com:443" && !strings.EqualFold(u.Hostname(), "login.example.com") && len(m.Elsewhere) == 0) {
				t.Errorf("endpoint %s", address)
			}
		}
	})
}

// TestIntrospectAndRevoke (T26; RFC 7662 2.2, RFC 7009 2.2), with each way to say
// who asks.
func TestIntrospectAndRevoke(t *testing.T) {
	for _, auth := range []string{"basic", "post"} {
		t.Run(auth, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{})
			client := newClient(t, server)
			client.Auth, client.Scopes = auth, []string{"a"}
			token, err := client.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			said, err := client.Introspect(t.Context(), server.URL()+"/introspect", token.Access)
			if err != nil || !said.Active || said.ClientID != "client" || said.Scope != "a" || said.Username != "anna" || said.Expires.IsZero() {
				t.Fatalf("%+v, %v", said, err)
			}
			if err := client.Revoke(t.Context(), server.URL()+"/revoke", token.Access, "access_token"); err != nil {
				t.Fatal(err)
			}
			if revoked := server.Revoked(); len(revoked) != 1 || revoked[0] != token.Access.Reveal() {
				t.Errorf("revoked %d tokens", len(revoked))
			}
			if said, err := client.Introspect(t.Context(), server.URL()+"/introspect", token.Access); err != nil || said.Active {
				t.Errorf("%+v, %v", said, err)
			}
		})
	}
	server := newServer(t, oauthtest.Options{})
	client := newClient(t, server)
	client.Secret = secret.New("wrong")
	var e *oauth.Error
	if _, err := client.Introspect(t.Context(), server.URL()+"/introspect", secret.New("t")); !errors.As(err, &e) || e.Code != "invalid_client" {
		t.Errorf("got %v", err)
	}
	if err := client.Revoke(t.Context(), "http://login.example.com/revoke", secret.New("t"), "access_token"); !errors.As(err, &e) || e.Kind != oauth.Policy {
		t.Errorf("got %v", err)
	}
}

// TestIntrospectionAnswers: only "active" decides, and it must be there.
func TestIntrospectionAnswers(t *testing.T) {
	for _, c := range []struct {
		body   string
		status int
		ok     bool
	}{
		{`{"active":true}`, 200, true}, {`{"active":false,"exp":1}`, 200, true}, {`{"active":"true"}`, 200, false}, {`{}`, 200, false},
		{`{"active":true,"active":false}`, 200, false}, {`[]`, 200, false}, {``, 200, false}, {`{"active":true}`, 201, true}, {`{"active":true}`, 202, false}, {`{"active":true}`, 302, false},
	} {
		client := &oauth.Client{
			TokenURL: "https://login.example.com/token", ID: "c", Secret: secret.New(canary), Grant: "client_credentials", Auth: "basic",
			HTTP: &http.Client{Transport: canned{c.status, http.Header{}, []byte(c.body)}},
		}
		if _, err := client.Introspect(t.Context(), "https://login.example.com/introspect", secret.New("t")); (err == nil) != c.ok {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
}

// TestClaimsOf: what a JWT says is shown, and what makes it count is not.
func TestClaimsOf(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"RS256","typ":"at+jwt"}`)) + "." +
		encode([]byte(`{"sub":"anna","aud":["a","b"],"exp":1700000000,"note":"\u001b[31m","nested":"eyJhbGciOiJub25lIn0.e30.c2ln"}`)) + ".c2lnbmF0dXJl"
	claims, ok := oauth.ClaimsOf(secret.New(token))
	if !ok {
		t.Fatal("not read")
	}
	var all []string
	for _, c := range append(claims.Header, claims.Payload...) {
		all = append(all, c.Name+"="+c.Value)
	}
	text := strings.Join(all, " ")
	for _, want := range []string{"alg=RS256", "sub=anna", `aud=["a","b"]`, "nested=REDACTED"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s has no %s", text, want)
		}
	}
	if strings.Contains(text, "c2lnbmF0dXJl") || strings.Contains(text, "\x1b") || claims.Expires.Unix() != 1700000000 {
		t.Errorf("%s, ends %v", text, claims.Expires)
	}
	for _, opaque := range []string{"", "abc", "a.b.c", "a.b", token + ".x", encode([]byte("[]")) + "." + encode([]byte("{}")) + ".x"} {
		if _, ok := oauth.ClaimsOf(secret.New(opaque)); ok {
			t.Errorf("%q is no JWT", opaque)
		}
	}
}

// FuzzClaims: whatever a token is, what is shown of it is printable (T23).
func FuzzClaims(f *testing.F) {
	f.Add(`{"alg":"none"}`, `{"sub":"anna","exp":1e300}`)
	f.Add(`{}`, `{"a":"\ud800","exp":"x","iat":-1}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		encode := base64.RawURLEncoding.EncodeToString
		claims, ok := oauth.ClaimsOf(secret.New(encode([]byte(header)) + "." + encode([]byte(payload)) + ".x"))
		if !ok {
			return
		}
		for _, c := range append(claims.Header, claims.Payload...) {
			for _, b := range []byte(c.Name + c.Value) {
				if b < 0x20 || b > 0x7e {
					t.Fatalf("shows %q", c.Name+c.Value)
				}
			}
		}
	})
}
