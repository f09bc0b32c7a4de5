//go:build linux

package main_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// firstHome is a home made by the first release (testdata/firsthome.md). Its profiles are
// bound to this address, which no machine uses for anything else.
const (
	firstHome    = "testdata/firsthome"
	firstAddress = "127.173.91.7:47391"
)

// firstProfiles are the profiles of the home, and how the server knows their clients.
var firstProfiles = map[string]string{
	"by-basic": "basic", "by-post": "post", "by-raw": "raw", "by-default": "basic", "by-key": "key", "by-person": "refresh", "entra": "post",
}

// TestFirstHome: a home of the first release works unchanged, without sign-in or rebind:
// each secret can be read and goes where it used to go. The sealed tokens may be misses,
// because a copied file has another stamp.
func TestFirstHome(t *testing.T) {
	firstServer(t)
	h := copyFirstHome(t)
	for name, auth := range firstProfiles {
		r := finish(t, h.Command("token", name))
		if r.code != 0 || !strings.HasPrefix(r.stdout, "first-token-"+auth) || r.stderr != "" {
			t.Errorf("token %s: %+v", name, r)
		}
		if again := finish(t, h.Command("token", name)); again.stdout != r.stdout {
			t.Errorf("token %s, from the cache: %+v", name, again)
		}
		if r := finish(t, h.Command("explain", "https://"+name+".example.com/x")); r.code != 0 || !strings.Contains(r.stdout, name) {
			t.Errorf("explain %s: %+v", name, r)
		}
		text, err := os.ReadFile(filepath.Join(firstHome, "config/profiles", name+".toml"))
		if err != nil {
			t.Fatal(err)
		}
		if r := finish(t, h.Command("show", name)); r.code != 0 || !strings.Contains(r.stdout, string(text)) {
			t.Errorf("show %s is not as it is written: %+v", name, r)
		}
	}
	for _, verb := range []string{"status", "list"} {
		r := finish(t, h.Command(verb))
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%s: %+v", verb, r)
		}
		for name := range firstProfiles {
			if !strings.Contains(r.stdout, name) {
				t.Errorf("%s does not show %s: %+v", verb, name, r)
			}
		}
		if strings.Contains(r.stdout, "rebind") || strings.Contains(r.stdout, "login") {
			t.Errorf("%s asks for a rebind or a sign-in: %s", verb, r.stdout)
		}
	}
}

// TestClientAuthWords: a profile may change from the short name of a client authentication
// to the RFC's, and back, and its secret stays bound to it.
func TestClientAuthWords(t *testing.T) {
	firstServer(t)
	h := copyFirstHome(t)
	for _, c := range []struct{ profile, short, long string }{
		{"by-basic", "basic", "client_secret_basic"}, {"by-raw", "basic", "client_secret_basic"}, {"by-post", "post", "client_secret_post"},
	} {
		path := filepath.Join(h.Dirs.Profiles(), c.profile+".toml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		long := strings.NewReplacer(`"`+c.short+`"`, `"`+c.long+`"`, `'`+c.short+`'`, `'`+c.long+`'`).Replace(string(text))
		if long == string(text) {
			t.Fatalf("%s does not say %q:\n%s", c.profile, c.short, text)
		}
		for _, words := range []string{long, string(text), long} {
			if err := os.WriteFile(path, []byte(words), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := finish(t, h.Command("token", c.profile, "--refresh")); r.code != 0 || !strings.HasPrefix(r.stdout, "first-token-") {
				t.Errorf("%s: %+v with\n%s", c.profile, r, words)
			}
		}
	}
}

// copyFirstHome returns a writable copy of the home, with the modes that a checkout does not
// keep.
func copyFirstHome(t *testing.T) *program.Home {
	t.Helper()
	h := program.EmptyTestHome(t, bin)
	err := filepath.WalkDir(firstHome, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == firstHome {
			return err
		}
		to := filepath.Join(h.Dir, strings.TrimPrefix(path, firstHome))
		if d.IsDir() {
			return os.Mkdir(to, 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0o600)
	})
	if err != nil || len(h.Entries()) == 0 {
		t.Fatalf("%d sealed tokens, %v: the home is not there", len(h.Entries()), err)
	}
	return h
}

// firstServer starts the token endpoint of the home.
func firstServer(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", firstAddress)
	for end := time.Now().Add(10 * time.Minute); err != nil && time.Now().Before(end); l, err = net.Listen("tcp", firstAddress) {
		time.Sleep(100 * time.Millisecond) // another run of this test uses the address
	}
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", firstToken)
	mux.HandleFunc("POST /device", func(w http.ResponseWriter, _ *http.Request) { // when the home was made
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"device_code":"first-device","user_code":"ABCD-EFGH","verification_uri":"http://%s/go","expires_in":600,"interval":1}`, firstAddress)
	})
	s := &http.Server{Handler: mux}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
}

const firstSecret = "first: canary/secret+" // which form encoding changes

func firstToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	id, secret, inHeader := r.BasicAuth()
	auth, more := "", ""
	switch {
	case inHeader && id == "client" && secret == "first%3A+canary%2Fsecret%2B":
		auth = "basic"
	case inHeader && id == "raw-client" && secret == firstSecret:
		auth = "raw"
	case r.PostFormValue("client_secret") == firstSecret:
		auth = "post"
	case signedByFirstKey(r.PostFormValue("client_assertion")):
		auth = "key"
	case r.PostFormValue("refresh_token") == "first-refresh-canary":
		auth = "refresh"
	case r.PostFormValue("device_code") == "first-device":
		auth, more = "refresh", `,"refresh_token":"first-refresh-canary"`
	}
	if auth == "" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"invalid_client"}`)
		return
	}
	fmt.Fprintf(w, `{"access_token":"first-token-%s","token_type":"Bearer","expires_in":3600%s}`, auth, more)
}

// signedByFirstKey reports whether a JWT is signed (ES256) with the home's private key.
func signedByFirstKey(jwt string) bool {
	content, err := os.ReadFile(firstHome + ".pub.pem")
	at := strings.LastIndexByte(jwt, '.')
	if err != nil || at < 0 {
		return false
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return false
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, isEC := key.(*ecdsa.PublicKey)
	signature, badText := base64.RawURLEncoding.DecodeString(jwt[at+1:])
	if err != nil || !isEC || badText != nil || len(signature) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(jwt[:at]))
	return ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}
