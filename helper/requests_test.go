package helper_test

import (
	"context"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// draft is a profile made of keys and values as --set takes them.
func draft(t *testing.T, set ...string) (*config.Profile, error) {
	t.Helper()
	f := config.File{ClientID: "client", TokenURL: "https://login.example.com/token"}
	for i := 0; i < len(set); i += 2 {
		if err := f.Set(set[i], set[i+1]); err != nil {
			return nil, err
		}
	}
	return newHome(t, oauthtest.Options{}).helper().Draft("demo", f)
}

// TestSetLists (K8): commas, blanks and TOML's own spelling make a list of every
// member that can be one.
func TestSetLists(t *testing.T) {
	for _, written := range []string{"https://a.example,https://b.example", "https://a.example https://b.example", `["https://a.example", "https://b.example"]`} {
		p, err := draft(t, "resource", written)
		if err != nil || len(p.Resource) != 2 || p.Resource[1] != "https://b.example" {
			t.Errorf("%s: %v %v", written, p, err)
		}
	}
	for _, c := range []struct{ key, written string }{
		{"scopes", "a,b"}, {"scopes", `["a", "b"]`}, {"allow_token_types", "a b"}, {"secret", "file,/p"}, {"secret", "file /p"},
		{"secret", `["file", "/p"]`},
	} {
		p, err := draft(t, c.key, c.written)
		if err != nil || len(p.Scopes)+len(p.AllowTokenTypes) != 2 && (len(p.Secret) != 2 || p.Secret[1] != "/p") {
			t.Errorf("%s=%s: %v", c.key, c.written, err)
		}
	}
	p, err := draft(t, "grant", "token_exchange", "subject_token", "file,/p", "params.x", `["1", "2"]`)
	if err != nil || len(p.Subject) != 2 || p.Subject[1] != "/p" || len(p.Params) != 2 {
		t.Errorf("%+v %v", p, err)
	}
}

// TestSetSecretIsNotRepeated (K8): who puts the secret itself where its place
// belongs does not find it in an error, and so not in a log.
func TestSetSecretIsNotRepeated(t *testing.T) {
	_, err := draft(t, "secret", "hunter2hunter2")
	wantError(t, err, protocol.ErrPolicy, "secret: ", "not file, command, env, credential, vault or github")
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("repeats it: %v", err)
	}
}

// TestTypesAreTOML (K8, G5): a member of another type is told in TOML's words.
func TestTypesAreTOML(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	for text, part := range map[string]string{
		`scopes = "a b"`:             `demo.toml:4: scopes: has to be a list of strings`,
		`allow_form_reply = "yes"`:   `allow_form_reply: has to be true or false`,
		`refresh_on = ["403"]`:       `refresh_on: has to be a list`,
		`audience = 3`:               `audience: has to be a string`,
		`params = 3`:                 `params: has to be a table`,
		`client_id = "again"`:        `client_id`,
		`token_url = "not finished`:  `demo.toml:4`,
		`token_request_headers = []`: `token_request_headers: has to be a table`,
	} {
		h.profile("demo", "client_id = \"client\"\ntenant = \"x\"\n\n"+text+"\n")
		_, err := h.helper().Profile("demo")
		if err == nil || strings.Contains(err.Error(), "struct") || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v", text, err)
			continue
		}
		wantError(t, err, protocol.ErrPolicy, part)
	}
}

// TestTokenURLQuery (D1): RFC 6749 3.2 has the query of a token endpoint kept; what
// belongs to the form, or would be a secret in every log, stays out of it.
func TestTokenURLQuery(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", strings.Replace(plain, `"{endpoint}"`, `"{endpoint}?p=b2c_1_signin"`, 1))
	h.store("demo", "secret")
	if _, err := h.get(named); err != nil {
		t.Fatal(err)
	}
	if got := h.server.Requests()[0].Target; !strings.HasSuffix(got, "?p=b2c_1_signin") {
		t.Errorf("asked %s", got)
	}
	h.profile("demo", strings.Replace(plain, `"{endpoint}"`, `"{endpoint}?p=b2c_1_evil"`, 1))
	_, err := h.get(named)
	wantError(t, err, protocol.ErrPolicy, "its secret was stored for token_url")
	for query, part := range map[string]string{
		"client_secret=x": `holds "client_secret" in its query, which belongs to the form`, "grant_type=x": `holds "grant_type" in its query`,
		"password=x": "a secret there would be in every log", "%zz": "a query that cannot be read",
	} {
		_, err := draft(t, "token_url", "https://login.example.com/token?"+query)
		wantError(t, err, protocol.ErrPolicy, part)
	}
	_, err = draft(t, "issuer", "https://login.example.com?x=y")
	wantError(t, err, protocol.ErrPolicy, "issuer: holds a query")
}

// TestRequestHeaders (D2): a profile's own headers go to the token endpoint; no
// credential, and nothing that changes the request; the secret is bound to them.
func TestRequestHeaders(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain+"token_request_headers = { User-Agent = \"Mozilla/5.0\", X-Tenant = \"acme\" }\n")
	h.store("demo", "secret")
	if _, err := h.get(named); err != nil {
		t.Fatal(err)
	}
	if got := h.server.Requests()[0].Header; got.Get("User-Agent") != "Mozilla/5.0" || got.Get("X-Tenant") != "acme" {
		t.Errorf("sent %v", got)
	}
	h.profile("demo", plain+"token_request_headers = { X-Tenant = \"evil\" }\n")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrPolicy, "its secret was stored for token_request_headers")
	for name, part := range map[string]string{
		"Authorization": "would contain a credential", "X-Api-Key": "would contain a credential", "Cookie": "would contain a credential",
		"Ocp-Apim-Subscription-Key": "would contain a credential", "Host": "the request's own", "Content-Length": "the request's own",
		"Proxy-Connection": "the request's own", "X Y": "not a header name", "X-Y:": "not a header name",
	} {
		_, err := draft(t, "token_request_headers."+name, "x")
		wantError(t, err, protocol.ErrPolicy, part)
	}
	for value, part := range map[string]string{
		"Bearer abc": "looks like a credential", "eyJhbGciOi.x.y": "looks like a credential", "a\tb": "control character", "": "1 to 256 bytes",
		strings.Repeat("x", 257): "1 to 256 bytes",
	} {
		_, err := draft(t, "token_request_headers.X-Y", value)
		wantError(t, err, protocol.ErrPolicy, part)
		if value != "" && strings.Contains(err.Error(), value) {
			t.Errorf("repeats the value: %v", err)
		}
	}
}

// TestParamsHoldNoSecret (D4): params go into the profile in clear.
func TestParamsHoldNoSecret(t *testing.T) {
	for _, name := range []string{"client_secret", "password", "PASSWORD", "user_password", "api-key", "x.secret", "token", "private_key"} {
		_, err := draft(t, "params."+name, "hunter2")
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"tier", "token_format", "requested_token_use", "username"} {
		if _, err := draft(t, "params."+name, "x"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAllowTokenTypes (C3): the server's own word for bearer tokens counts where the
// profile says so, and no setting makes a bound token one.
func TestAllowTokenTypes(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	if err := h.server.Always("type-bearer-token"); err != nil {
		t.Fatal(err)
	}
	_, err := h.get(named)
	wantError(t, err, protocol.ErrRefused, "token_type that is not Bearer: BearerToken", `allow_token_types = ["BearerToken"]`)
	h.profile("demo", plain+"allow_token_types = [\"BearerToken\"]\n")
	if _, err := h.helper().Get(context.Background(), protocol.Request{Verb: protocol.Get, Profile: "demo"}); err != nil {
		t.Error(err)
	}
	for _, kind := range []string{"DPoP", "dpop", "mac", "PoP", "N_A"} {
		_, err := draft(t, "allow_token_types", kind)
		wantError(t, err, protocol.ErrPolicy, "never that of a bearer token")
	}
}

// TestJamaAddress (F1): Jama's help shows addresses with /rest in them; the profile
// wants what comes before, and says so.
func TestJamaAddress(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	for url, says := range map[string]string{
		"https://acme.jamacloud.com/rest/v1/":         "the address of Jama Connect is what comes before /rest: https://acme.jamacloud.com",
		"https://acme.jamacloud.com/rest":             "before /rest: https://acme.jamacloud.com",
		"https://acme.example/contour/rest/latest":    "before /rest: https://acme.example/contour",
		"https://acme.jamacloud.com/rest/oauth/token": "before /rest: https://acme.jamacloud.com",
		"https://rest.example.com/jama":               "",
		"https://rest":                                "",
		"https://acme.example/restricted":             "",
	} {
		_, err := h.helper().Draft("demo", config.File{Preset: "jama", URL: url, ClientID: "x"})
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
