package oauth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/secret"
)

// jwtUntil is a JWT that expires then, whoever signed it.
func jwtUntil(end time.Time) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"exp":%d}`, end.Unix())) + ".c2ln"
}

// TestGiven: a token that another program made, as the usual programs write it, and until
// when it is used. What has no end is used for default_ttl; what says only in how many
// seconds it ends may be old, unless it was made for this call.
func TestGiven(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	jwt := jwtUntil(now.Add(20 * time.Minute))
	for _, c := range []struct {
		name, content string
		fresh         bool
		token         string
		life          time.Duration
	}{
		{"the bare token", "opaque-token\n", false, "opaque-token", 5 * time.Minute},
		{"a JWT", jwt + "\n", false, jwt, 20 * time.Minute},
		{"RFC 6749 5.1, from a command", `{"access_token":"t","token_type":"bearer","expires_in":3600}`, true, "t", time.Hour},
		{"RFC 6749 5.1, from a file", `{"access_token":"t","token_type":"bearer","expires_in":3600}`, false, "t", 5 * time.Minute},
		{"the same, shorter than default_ttl", `{"access_token":"t","expires_in":60}`, false, "t", time.Minute},
		{"Vault's oauthapp, by its command line", "{\n  \"request_id\": \"r\",\n  \"data\": {\"access_token\": \"t\", \"expire_time\": \"2026-11-28T12:40:00.123456789Z\", \"type\": \"Bearer\"}\n}\n", true, "t", 40 * time.Minute},
		{"kubectl's ExecCredential", `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"expirationTimestamp":"2026-11-28T12:15:00Z","token":"t"}}`, true, "t", 15 * time.Minute},
		{"gcloud config config-helper", `{"configuration":{},"credential":{"access_token":"t","id_token":"i","token_expiry":"2026-11-28T12:59:59Z"}}`, true, "t", 59*time.Minute + 59*time.Second},
		{"az account get-access-token", fmt.Sprintf(`{"accessToken":"t","expiresOn":"2026-11-28 13:00:00.000000","expires_on":%d,"tokenType":"Bearer"}`, now.Add(time.Hour).Unix()), true, "t", time.Hour},
		{"golang.org/x/oauth2, with another zone", `{"access_token":"t","token_type":"Bearer","expiry":"2026-11-28T14:30:00+02:00"}`, false, "t", 30 * time.Minute},
		{"a JWT that ends before what is beside it says", fmt.Sprintf(`{"access_token":%q,"expiry":"2026-11-28T20:00:00Z"}`, jwt), false, jwt, 20 * time.Minute},
		{"an end in a year", `{"access_token":"t","expires_at":"2027-11-28T12:00:00Z"}`, false, "t", 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := given(now, c.content)
			client.Use.Fresh = c.fresh
			token, err := client.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := token.Expires.Sub(now); token.Access.Reveal() != c.token || got != c.life || token.Tries != 0 {
				t.Errorf("%q for %v, want %q for %v", token.Access.Reveal(), got, c.token, c.life)
			}
		})
	}
}

func given(now time.Time, content string) *oauth.Client {
	return &oauth.Client{Grant: "given", Auth: "none", Now: func() time.Time { return now }, Use: oauth.Use{Given: ready(content)}}
}

// TestGivenRefused: what is no token that a tool could send is refused as a server's would
// be, without a word of it in the error.
func TestGivenRefused(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name, content, says string
		kind                oauth.Kind
	}{
		{"two lines", "c4n4ry\nmore", "no header may carry", oauth.Policy},
		{"a sentence", "c4n4ry is missing", "no header may carry", oauth.Policy},
		{"a page", "<html>c4n4ry</html>", "characters outside RFC 6750's", oauth.Policy},
		{"nothing", "\n", "an empty access_token", oauth.Policy},
		{"JSON that breaks off", `{"access_token":"c4n4ry`, "not acceptable JSON", oauth.Policy},
		{"JSON without a token", `{"password":"c4n4ry"}`, "has no token", oauth.Policy},
		{"a list", `["c4n4ry"]`, "characters outside", oauth.Policy},
		{"a token bound to a key", `{"access_token":"c4n4ry","token_type":"DPoP"}`, "DPoP", oauth.Policy},
		{"an end that is no date", `{"access_token":"c4n4ry","expiry":"tomorrow"}`, "neither a date", oauth.Policy},
		{"an end that is past", fmt.Sprintf(`{"access_token":"c4n4ry","expires_on":%d}`, now.Add(-time.Minute).Unix()), "has expired", oauth.Unreachable},
		{"a JWT that is past", jwtUntil(now.Add(-time.Second)), "has expired", oauth.Unreachable},
		{"too long", strings.Repeat("c4n4ry", secret.MaxToken), "bytes, where", oauth.Policy},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := given(now, c.content).Token(t.Context())
			var e *oauth.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// TestGivenHasNoClient: it needs no id, and there is nothing to authenticate with.
func TestGivenHasNoClient(t *testing.T) {
	client := given(time.Now(), "t")
	client.Auth, client.Secret = "client_secret_basic", secret.New("s")
	if _, err := client.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "has no client") {
		t.Errorf("%v", err)
	}
}

// TestSpiffeForm: the exact form (draft-ietf-oauth-spiffe-client-auth): the JWT-SVID as the
// assertion, under its own type.
func TestSpiffeForm(t *testing.T) {
	address, request := recorder(t)
	client := &oauth.Client{TokenURL: "http://" + address + "/token", ID: "spiffe://example.org/ci", Auth: "spiffe", Grant: "client_credentials",
		Assertion: oauth.Assertion{Ready: ready("e.y.J\n")}}
	if _, err := client.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = "client_assertion=e.y.J&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-spiffe" +
		"&client_id=spiffe%3A%2F%2Fexample.org%2Fci&grant_type=client_credentials"
	if _, body, _ := strings.Cut(request(), "\r\n\r\n"); body != want {
		t.Errorf("body\n got %s\nwant %s", body, want)
	}
}

// FuzzGiven: whatever another program writes as a token, it is one that a header may carry,
// for a day at most, or is refused without a word of it.
func FuzzGiven(f *testing.F) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{
		"token\n", jwtUntil(now.Add(time.Hour)), jwtUntil(now.Add(-time.Hour)), jwtUntil(time.Unix(1<<62, 0)), "a.b.c", "\ufeffx", "a\x00b",
		`{"access_token":"t","expires_in":3600}`, `{"access_token":"t","expires_in":-1}`, `{"access_token":"t","expires_in":9223372036854775807}`,
		`{"access_token":"t","expires_in":1e99}`, `{"access_token":"t","expires_in":"60"}`, `{"access_token":["t"]}`, `{"access_token":7}`,
		`{"access_token":"t","expires_at":9223372036854775807}`, `{"access_token":"t","expires_at":1}`, `{"access_token":"t","expiry":"9999-12-31T23:59:59Z"}`,
		`{"access_token":"t","expiry":"0001-01-01T00:00:00Z"}`, `{"access_token":"t","token_type":"mac","scope":"a b"}`,
		`{"data":{"access_token":"t","expire_time":"2026-11-28T12:40:00Z"}}`, `{"status":{"token":"t"},"credential":{"access_token":"u"}}`, `{"data":{"data":{}}}`,
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, content string, fresh bool) {
		client := given(now, content)
		client.Use.Fresh = fresh
		token, err := client.Token(t.Context())
		if err != nil {
			if long := strings.TrimSpace(content); len(long) > 40 && strings.Contains(err.Error(), long) || strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		life := token.Expires.Sub(now)
		if !secret.ValidToken(token.Access.Reveal(), true) || life <= 0 || life > 24*time.Hour || !strings.Contains(content, token.Access.Reveal()) && !strings.Contains(content, `\`) {
			t.Errorf("%q for %v", token.Access.Reveal(), life)
		}
	})
}
