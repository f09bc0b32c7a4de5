package oauthtest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// faultless keeps what the server complains of, for the test to look at.
func faultless(t *testing.T, clients ...oauthtest.Client) *oauthtest.Server {
	t.Helper()
	return start(t, oauthtest.Options{Clients: clients, Fault: func(string, ...any) {}})
}

var headers = []string{"Content-Type", form, "Accept", "application/json"}

// TestAuthorizeStrict (RFC 6749 4.1.1 and 10.10, RFC 7636 4.3, RFC 8252 7.3): no
// code for a request that leaves out what protects it.
func TestAuthorizeStrict(t *testing.T) {
	good := url.Values{
		"response_type": {"code"}, "client_id": {"client"}, "redirect_uri": {"http://127.0.0.1:1/cb"}, "state": {strings.Repeat("s", 32)},
		"code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"},
	}
	for _, c := range []struct{ name, key, value, fault string }{
		{"good", "", "", ""},
		{"no PKCE", "code_challenge", "", "S256"},
		{"plain PKCE", "code_challenge_method", "plain", "S256"},
		{"a state that can be guessed", "state", "1", "guessed"},
		{"back to another machine", "redirect_uri", "http://192.0.2.1/cb", "loopback"},
		{"implicit", "response_type", "token", "response_type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := faultless(t)
			q := url.Values{}
			for k, v := range good {
				q[k] = v
			}
			if c.key != "" {
				q.Set(c.key, c.value)
			}
			status, _, h := send(t, "GET", s.URL()+"/authorize?"+q.Encode(), "")
			faults := strings.Join(s.Faults(), "; ")
			if c.fault == "" {
				if status != http.StatusFound || faults != "" || !strings.Contains(h.Get("Location"), "code=c-") {
					t.Errorf("%d, %s, %q", status, h.Get("Location"), faults)
				}
				return
			}
			if status != 400 || !strings.Contains(faults, c.fault) {
				t.Errorf("%d, %q", status, faults)
			}
		})
	}
}

// codeFor gets a code with a verifier.
func codeFor(t *testing.T, s *oauthtest.Server, verifier string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {"client"}, "redirect_uri": {"http://127.0.0.1:1/cb"}, "state": {strings.Repeat("s", 32)},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	_, _, h := send(t, "GET", s.URL()+"/authorize?"+q.Encode(), "")
	back, err := url.Parse(h.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return back.Query().Get("code")
}

// TestReuseKills (RFC 6749 4.1.2, RFC 9700 4.14.2): a code or a refresh token that
// comes twice ends the whole sign-in, its access token included.
func TestReuseKills(t *testing.T) {
	const verifier = "a-verifier-of-more-than-forty-three-characters-0123"
	s := faultless(t, oauthtest.Client{ID: "client", Auth: "none"})
	code := codeFor(t, s, verifier)
	redeem := "grant_type=authorization_code&client_id=client&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb&code=" + code + "&code_verifier="
	if status, answer, _ := send(t, "POST", s.TokenURL(), redeem+"wrong", headers...); status != 400 || len(s.Faults()) != 1 {
		t.Fatalf("a wrong verifier: %d %s", status, answer)
	}
	code = codeFor(t, s, verifier)
	redeem = "grant_type=authorization_code&client_id=client&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb&code=" + code + "&code_verifier=" + verifier
	_, answer, _ := send(t, "POST", s.TokenURL(), redeem, headers...)
	var token struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(answer), &token); err != nil || token.Refresh == "" {
		t.Fatalf("%v: %s", err, answer)
	}
	alive := func() bool {
		status, _, _ := send(t, "GET", s.URL()+"/me", "", "Authorization", "Bearer "+token.Access)
		return status == 200
	}
	if !alive() {
		t.Fatal("the token is dead")
	}
	if status, _, _ := send(t, "POST", s.TokenURL(), redeem, headers...); status != 400 || alive() {
		t.Errorf("the code counts twice, or the token lives on: %d", status)
	}
	if !strings.Contains(strings.Join(s.Faults(), "; "), "a code twice") {
		t.Errorf("faults %q", s.Faults())
	}
}

// TestAssertionStrict (RFC 7523 3, RFC 6749 2.3): replayed, overdue, for another,
// by another, and beside a second proof.
func TestAssertionStrict(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := faultless(t, oauthtest.Client{ID: "client", Secret: "secret", Auth: "private_key_jwt", Key: key.Public()})
	now := time.Now().Unix()
	sign := func(change map[string]any) string {
		claims := map[string]any{"iss": "client", "sub": "client", "aud": s.TokenURL(), "jti": rand.Text(), "iat": now, "exp": now + 60}
		for k, v := range change {
			claims[k] = v
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	const kind = "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion="
	for _, c := range []struct {
		name   string
		change map[string]any
		extra  string
		status int
	}{
		{"good", nil, "", 200},
		{"first use", map[string]any{"jti": "once"}, "", 200},
		{"replayed", map[string]any{"jti": "once"}, "", 401},
		{"over", map[string]any{"exp": now - 1}, "", 401},
		{"too long", map[string]any{"exp": now + 301}, "", 401},
		{"no end", map[string]any{"exp": 0}, "", 401},
		{"for another server", map[string]any{"aud": "https://other.example.com"}, "", 401},
		{"of another issuer", map[string]any{"iss": "other"}, "", 401},
		{"no jti", map[string]any{"jti": ""}, "", 401},
		{"not yet", map[string]any{"nbf": now + 120}, "", 401},
		{"beside a secret", nil, "&client_id=client&client_secret=secret", 400},
		{"beside another id", nil, "&client_id=other", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, answer, _ := send(t, "POST", s.TokenURL(), grant+kind+sign(c.change)+c.extra, headers...)
			if status != c.status {
				t.Errorf("%d %s, want %d", status, answer, c.status)
			}
		})
	}
}

// TestQuirks: a name that is none is an error.
func TestQuirks(t *testing.T) {
	s := start(t, oauthtest.Options{})
	if len(oauthtest.Quirks()) < 20 {
		t.Fatalf("%d quirks", len(oauthtest.Quirks()))
	}
	if err := s.SetQuirks(oauthtest.Quirks()...); err != nil {
		t.Error(err)
	}
	if s.SetQuirks("unheard-of") == nil {
		t.Error("an unknown quirk is taken")
	}
}
