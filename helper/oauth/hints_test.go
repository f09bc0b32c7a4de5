package oauth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
)

// TestHintsFit (K8): advice fits what the client showed and asked for: a new secret helps
// only who showed one, and login only who signed in.
func TestHintsFit(t *testing.T) {
	date := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name        string
		e           oauth.Error
		says, says2 string
	}{
		{"secret", oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_client", Auth: "client_secret_basic"}, "store a new one: credhelper rotate jama", ""},
		{"key, 401", oauth.Error{Kind: oauth.Refused, Status: 401, Auth: "private_key_jwt"}, "assertion.aud, kid and alg", "key"},
		{"key, code", oauth.Error{Kind: oauth.Refused, Status: 400, Code: "invalid_client", Auth: "private_key_jwt"}, "assertion.aud, kid and alg", ""},
		{"certificate", oauth.Error{Kind: oauth.Refused, Status: 401, Auth: "self_signed_tls_client_auth"}, "the client's certificate", ""},
		{"federation", oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_client", Auth: "federation"}, "iss, sub and aud", ""},
		{"public", oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_client", Auth: "none"}, "client_auth", ""},
		{"403", oauth.Error{Kind: oauth.Refused, Status: 403, Auth: "post"}, "check client_auth first", ""},
		{"403, Basic", oauth.Error{Kind: oauth.Refused, Status: 403, Auth: "client_secret_basic"}, "check client_auth first", `basic_encoding = "raw"`},
		{"403, Basic as it is", oauth.Error{Kind: oauth.Refused, Status: 403, Auth: "client_secret_basic raw"}, "check client_auth first", ""},
		{"sign-in", oauth.Error{Kind: oauth.Refused, Status: 400, Code: "invalid_grant", Grant: "refresh_token"}, "credhelper login jama", ""},
		{"machine", oauth.Error{Kind: oauth.Refused, Status: 400, Code: "invalid_grant", Grant: "client_credentials"}, "check grant", ""},
		{"assertion", oauth.Error{Kind: oauth.Refused, Status: 400, Code: "invalid_grant", Grant: "jwt_bearer"}, "aud, iss, sub", "clock"},
		{"exchange", oauth.Error{Kind: oauth.Refused, Status: 400, Code: "invalid_grant", Grant: "token_exchange"}, "the subject token", ""},
		{"clock", oauth.Error{Kind: oauth.Refused, Status: 401, AADSTS: "700024", Auth: "private_key_jwt", Date: date, Skew: -time.Hour},
			"by the server's Date it is 2026-11-23 05:00:00 UTC", "by this machine's clock 2026-11-23 06:00:00"},
	} {
		hint := oauth.HintFor(&c.e, "jama", nil)
		if c.e.OfSecret() != (c.name == "secret") {
			t.Errorf("%s: the secret was refused: %v", c.name, c.e.OfSecret())
		}
		if !strings.Contains(hint, c.says) || !strings.Contains(hint, c.says2) {
			t.Errorf("%s: %q", c.name, hint)
		}
		for advice, fits := range map[string]bool{
			"credhelper rotate": c.name == "secret", "credhelper login": c.name == "sign-in", `"raw"`: c.name == "403, Basic",
		} {
			if strings.Contains(hint, advice) && !fits {
				t.Errorf("%s: %q", c.name, hint)
			}
		}
	}
}

// TestRefusalSaysHow: what a hint depends on is in the error of a real refusal.
func TestRefusalSaysHow(t *testing.T) {
	client, server := proving(t, "private_key_jwt", made["RSA"](), nil)
	if err := server.Always("empty-401"); err != nil {
		t.Fatal(err)
	}
	_, err := client.Token(t.Context())
	if hint := oauth.HintFor(err, "jama", nil); !strings.Contains(hint, "assertion.aud") {
		t.Errorf("%v: %q", err, hint)
	}
}
