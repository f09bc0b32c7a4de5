package oauth_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// said are the fields whose values may be shown; the test's own list.
var said = map[string]bool{
	"grant_type": true, "client_id": true, "scope": true, "client_assertion_type": true, "subject_token_type": true, "redirect_uri": true, "token_type_hint": true,
}

// opaque values that no rule for JWTs finds.
var echoed = map[string]oauth.Use{
	"client_credentials": {},
	"refresh_token":      {Refresh: secret.New("opaque-refresh+token/CANARY=1")},
	"authorization_code": {Code: secret.New("opaque-code+CANARY/2"), Verifier: secret.New("opaque-verifier-CANARY-3"), Redirect: "http://127.0.0.1:1/cb"},
	"device_code":        {Device: secret.New("opaque-device&CANARY-4")},
	"jwt_bearer":         {},
	"token_exchange":     {Subject: ready("opaque-subject<CANARY>5")},
}

// TestEchoes (S3): a server that shows what it was sent, in any form and in any
// place, shows nothing of it in our error, whichever grant and client
// authentication sent it.
func TestEchoes(t *testing.T) {
	all := 0
	for _, auth := range oauth.ClientAuths {
		var p pair
		if auth.NeedsKey {
			p = made["EC"]()
		}
		client, server := proving(t, auth.Name, p, nil)
		played := 0
		client.Assertion.Ready = ready("opaque-assertion+CANARY=6")
		for _, grant := range oauth.Grants {
			if grant.Make != nil {
				continue
			}
			use, known := echoed[grant.Name]
			if !known {
				t.Fatalf("nothing to echo of grant %s", grant.Name)
			}
			client.Grant, client.Use = grant.Name, use
			for _, name := range oauthtest.Behaviours() {
				if !strings.HasPrefix(name, "echo-") {
					continue
				}
				played++
				all++
				if err := server.Always(name); err != nil {
					t.Fatal(err)
				}
				_, err := client.Token(t.Context())
				if err == nil {
					t.Fatalf("%s, %s: %s gave a token", auth.Name, grant.Name, name)
				}
				requests := server.Requests()
				if len(requests) != played {
					t.Fatalf("%s, %s, %s: no request: %v", auth.Name, grant.Name, name, err)
				}
				wantNoEcho(t, fmt.Sprintf("%s, %s, %s", auth.Name, grant.Name, name), err, requests[len(requests)-1].Body, client.Secret.Reveal())
			}
		}
	}
	if all < 8*6*7 {
		t.Fatalf("only %d echoes were played", all)
	}
}

// wantNoEcho: nothing of the form that was sent, nor more, is in the error.
func wantNoEcho(t *testing.T, what string, err error, body string, more ...string) {
	t.Helper()
	form, parse := url.ParseQuery(body)
	if parse != nil {
		t.Fatal(parse)
	}
	hidden := more
	for name, values := range form {
		if !said[name] {
			hidden = append(hidden, values...)
		}
	}
	for _, s := range hidden {
		for _, form := range []string{
			s, s[:12], url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s), hex.EncodeToString([]byte(s)),
			base64.StdEncoding.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte("client:" + s)),
		} {
			if strings.Contains(err.Error(), form) {
				t.Errorf("%s: %q holds %q", what, err, form)
			}
		}
	}
	wantOneCleanLine(t, err.Error())
}

// echoing answers with all that it was sent.
func echoing(t *testing.T, status int, format string) (address string, body func() string) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r.PostForm.Encode()
		var all []string
		for _, values := range r.PostForm {
			all = append(all, values...)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		quoted, _ := json.Marshal(strings.Join(all, " ")) // a text always marshals
		fmt.Fprintf(w, format, quoted)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() string { return got }
}

// TestEchoesBeside: the same for the endpoints beside the token endpoint, and for
// answers that are no errors.
func TestEchoesBeside(t *testing.T) {
	token := secret.New("opaque-access-token-CANARY")
	newClient := func(address string) *oauth.Client {
		return &oauth.Client{TokenURL: address, ID: "client", Secret: secret.New(canary), Auth: "post", Grant: "client_credentials", Params: [][2]string{{"tier", "gold-and-silver"}}}
	}
	address, body := echoing(t, 400, `{"error":"bad","error_description":%s}`)
	client := newClient(address)
	_, introspected := client.Introspect(t.Context(), address, token)
	_, device := client.Device(t.Context(), address)
	for what, err := range map[string]error{
		"introspection": introspected, "device": device, "revocation": client.Revoke(t.Context(), address, token, "refresh_token"),
	} {
		if err == nil {
			t.Fatalf("%s: no error", what)
		}
		said["tier"] = true
		wantNoEcho(t, what, err, body(), canary, token.Reveal())
	}
	if !strings.Contains(device.Error(), "gold-and-silver") { // it stands in the profile
		t.Errorf("%v hides what the profile says", device)
	}
	address, _ = echoing(t, 200, `{"active":true,"sub":%s}`)
	if said, err := newClient(address).Introspect(t.Context(), address, token); err != nil || strings.Contains(said.Subject, "CANARY") || said.Subject == "" {
		t.Errorf("%+v, %v", said, err)
	}
	address, _ = echoing(t, 200, `{"access_token":"new-token","token_type":"Bearer","expires_in":60,"scope":%s}`)
	client = newClient(address)
	client.Grant, client.Use = "token_exchange", oauth.Use{Subject: ready(token.Reveal())}
	if got, err := client.Token(t.Context()); err != nil || strings.Contains(got.Scope, "CANARY") || got.Scope == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestShortSecrets: a secret that is too short to stand in a sentence by no chance is
// shown by its length, and an error code that means the same everywhere stays one.
func TestShortSecrets(t *testing.T) {
	address, _ := echoing(t, 401, `{"error":"invalid_client","error_description":%s}`)
	for _, c := range []struct{ secret, says string }{
		{"client", "401 invalid_client: "},
		{"s3cret", "REDACTED (6 bytes)"},
		{"s3cret-8", "REDACTED"},
	} {
		client := &oauth.Client{TokenURL: address, ID: "id", Secret: secret.New(c.secret), Auth: "post", Grant: "client_credentials"}
		_, err := client.Token(t.Context())
		var e *oauth.Error
		if !errors.As(err, &e) || e.Code != "invalid_client" || !strings.Contains(e.Error(), c.says) || strings.Contains(e.Description, c.secret) {
			t.Errorf("%s: %v", c.secret, err)
		}
	}
}

// TestRedactLongestFirst: a secret that begins as another one does leaves no tail.
func TestRedactLongestFirst(t *testing.T) {
	address, _ := echoing(t, 400, `{"error":"invalid_grant","error_description":%s}`)
	client := &oauth.Client{TokenURL: address, ID: "id", Secret: secret.New("CANARY-same-start"), Auth: "basic", Grant: "refresh_token",
		Use: oauth.Use{Refresh: secret.New("CANARY-same-start-and-tail")}}
	if _, err := client.Token(t.Context()); err == nil || strings.Contains(err.Error(), "tail") || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("%v", err)
	}
}
