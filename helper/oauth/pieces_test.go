package oauth_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/secret"
)

// each writes every byte of a text by a format of fmt.
func each(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, format, s[i])
		}
		return b.String()
	}
}

// within is the Base64 of a text behind n bytes of something else.
func within(n int) func(string) string {
	return func(s string) string { return base64.StdEncoding.EncodeToString([]byte("xyz"[:n] + s + "&a=b")) }
}

// TestRedactPieces: servers cut, wrap and rewrite what they echo. However they do,
// no twelve letters and digits of a secret are left.
func TestRedactPieces(t *testing.T) {
	const plain = "Zq7+Secr&t/Xyz=90_Longer"
	backwards := []byte(plain)
	slices.Reverse(backwards)
	for name, write := range map[string]func(string) string{
		"cut at its end":        func(s string) string { return s[:len(s)-3] + "..." },
		"cut at its beginning":  func(s string) string { return "..." + s[3:] },
		"capitals":              strings.ToUpper,
		"small letters":         strings.ToLower,
		"wrapped":               func(s string) string { return s[:9] + "\r\n  " + s[9:] },
		"a blank without width": func(s string) string { return s[:9] + "\u200b" + s[9:] },
		"escaped":               each(`\%c`),
		"spaced":                each("%c "),
		"backwards":             func(string) string { return string(backwards) },
		"each byte escaped":     each("%%%02x"),
		"escaped twice":         each("%%25%02x"),
		"hexadecimal capitals":  func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
		"hexadecimal, colons":   each("%02x:"),
		"numbers of JSON":       each(`\u%04x`),
		"numbers of C":          each(`\x%02x`),
		"numbers of HTML":       each("&#%d;"),
		"Base64 of more":        within(0), "Base64 of more, 1": within(1), "Base64 of more, 2": within(2),
		"Base64 without its end": func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	} {
		t.Run(name, func(t *testing.T) {
			echo := write(plain)
			got := oauth.Redact("the secret <"+echo+"> is wrong", secret.New(plain))
			before, rest, found := strings.Cut(got, secret.Redacted)
			if !found || !strings.HasPrefix(before, "the secret <") || !strings.HasSuffix(rest, "> is wrong") {
				t.Fatalf("%q", got)
			}
			if left := len(before) - len("the secret <") + len(rest) - len("> is wrong"); left > 24 || left >= len(echo)/2 {
				t.Errorf("%d bytes of %q are left: %q", left, echo, got)
			}
		})
	}
	for _, plain := range []string{"the secret, it is another", "++++++++", "s3cret-9"} {
		const said = "the secret was not accepted"
		if got := oauth.Redact(said, secret.New(plain)); got != said {
			t.Errorf("of %q: %q", plain, got)
		}
	}
}

// TestRedirectEchoes: the host that a redirect names is the server's word, too.
func TestRedirectEchoes(t *testing.T) {
	const plain = "opaque-secret-0123456789"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://"+r.FormValue("client_secret")+".example/")
		w.WriteHeader(http.StatusFound)
	}))
	t.Cleanup(server.Close)
	client := &oauth.Client{TokenURL: server.URL, ID: "id", Secret: secret.New(plain), Auth: "post", Grant: "client_credentials"}
	_, err := client.Token(t.Context())
	if err == nil || !strings.Contains(err.Error(), "https://"+secret.Redacted+".example") {
		t.Errorf("%v", err)
	}
}
