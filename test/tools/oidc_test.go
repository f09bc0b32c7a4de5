//go:build tools

package tools

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// identity is a client's certificate chain, the leaf first, with its key.
type identity struct{ tls.Certificate }

// identify makes a certificate for a client, self-signed or, if the server knows the CA,
// signed by an intermediate of it.
func identify(t *testing.T, self bool) identity {
	t.Helper()
	made := func(serial int64, name string, ca bool, parent *x509.Certificate, signer any) (tls.Certificate, *x509.Certificate) {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, IsCA: ca, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		}
		if parent == nil {
			parent = c
		}
		made, err := certify(c, parent, signer)
		if err != nil {
			t.Fatal(err)
		}
		read, err := x509.ParseCertificate(made.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return made, read
	}
	if self {
		leaf, _ := made(11, "self", false, nil, nil)
		return identity{leaf}
	}
	root, err := x509.ParseCertificate(authority.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	between, parent := made(12, "between", true, root, authority.PrivateKey)
	leaf, _ := made(13, "client", false, parent, between.PrivateKey)
	leaf.Certificate = append(leaf.Certificate, between.Certificate[0])
	return identity{leaf}
}

func (i identity) pem(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) + chainPEM(i.Certificate.Certificate)
}

func chainPEM(chain [][]byte) (text string) {
	for _, der := range chain {
		text += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return text
}

// jwks returns the public key as a client registers it (RFC 7517).
func (i identity) jwks(t *testing.T) map[string]any {
	t.Helper()
	public := i.PrivateKey.(*ecdsa.PrivateKey).PublicKey
	point, err := public.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:]), "x5c": []string{base64.StdEncoding.EncodeToString(i.Certificate.Certificate[0])},
	}}}
}

// oidcProvider starts the real provider with the given clients, and returns its address.
func oidcProvider(t *testing.T, clients ...map[string]any) string {
	t.Helper()
	modules := os.Getenv("TOOL_OIDC")
	if modules == "" {
		t.Fatal("TOOL_OIDC is not set: run scripts/test-tools")
	}
	for _, c := range clients {
		c["grant_types"], c["redirect_uris"], c["response_types"] = []string{"client_credentials"}, []string{}, []string{}
	}
	config, err := json.Marshal(map[string]any{
		"module": filepath.Join(modules, "..", "oidc-provider"), "clients": clients, "ca": chainPEM(authority.Certificate),
		"cert": chainPEM(certificate.Certificate), "key": strings.SplitAfter(identity{certificate}.pem(t), "-----END PRIVATE KEY-----\n")[0],
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "testdata/oidc_provider.mjs", file)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if address := lines.Text(); strings.HasPrefix(address, "https://") {
			return address
		}
	}
	t.Fatal("oidc-provider did not start")
	return ""
}

// TestOIDCProvider (RFC 7523, RFC 8705, RFC 9449): each client authentication by a key or a
// certificate, with a certified implementation that names its CAs in TLS; and a client whose
// tokens are bound to DPoP keys, which credhelper does not support.
func TestOIDCProvider(t *testing.T) {
	known, self := identify(t, false), identify(t, true)
	server := oidcProvider(t,
		map[string]any{"client_id": "ca", "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=client"},
		map[string]any{"client_id": "self", "token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": self.jwks(t)},
		map[string]any{"client_id": "jwt", "token_endpoint_auth_method": "private_key_jwt", "jwks": self.jwks(t)},
		map[string]any{"client_id": "basic", "client_secret": "s3cret:/+%", "token_endpoint_auth_method": "client_secret_basic"},
		map[string]any{"client_id": "bound", "client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_basic", "dpop_bound_access_tokens": true},
	)
	w := newWorld(t)
	w.write("known.pem", known.pem(t))
	w.write("self.pem", self.pem(t))
	add := func(o option, id, auth string, more ...string) result {
		t.Helper()
		args := []string{"credhelper", "add", id, "--preset", "oauth2", "--client-id", id, "--set", "token_url=" + server + "/token",
			"--set", "client_auth=" + auth, "--set", "ca_file=" + authorityFile(), "--set", "origins=https://" + id + ".example.com"}
		return w.run(o, append(args, more...)...)
	}
	for _, c := range []struct {
		id, auth string
		input    option
		more     []string
		code     int
		says     string
	}{
		{"ca", "tls_client_auth", nil, []string{"--key-file", "known.pem"}, 0, "ok  token"},
		{"self", "self_signed_tls_client_auth", nil, []string{"--key-file", "self.pem"}, 0, "ok  token"},
		{"jwt", "private_key_jwt", nil, []string{"--key-file", "self.pem", "--set", "assertion.aud=" + server}, 0, "ok  token"},
		{"basic", "basic", input("s3cret:/+%\n"), []string{"--secret-stdin", "--set", "client_cert=" + w.home + "/self.pem"}, 0, "ok  token"},
		{"bound", "basic", input("s3cret\n"), []string{"--secret-stdin"}, 7, "400 invalid_grant"},
	} {
		t.Run(c.id, func(t *testing.T) {
			r := add(c.input, c.id, c.auth, c.more...)
			if r.code != c.code || !strings.Contains(r.stderr, c.says) {
				t.Errorf("exit %d, want %d and %q\n%s", r.code, c.code, c.says, r.stderr)
			}
			if c.code == 0 && w.token(c.id) == "" {
				t.Error("no token")
			}
		})
	}
	t.Run("another certificate", func(t *testing.T) {
		w.write("other.pem", identify(t, true).pem(t))
		r := w.run(nil, "credhelper", "rotate", "self", "--key-file", "other.pem")
		if r.code != 7 || !strings.Contains(r.stderr, "401 invalid_client") {
			t.Errorf("exit %d: a certificate that is not registered\n%s", r.code, r.stderr)
		}
		w.ok(nil, "credhelper", "token", "self", "--refresh") // the old one is kept
	})
}
