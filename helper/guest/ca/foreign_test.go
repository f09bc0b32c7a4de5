//go:build linux

package ca

import (
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestForeign: OpenSSL and curl accept the authority's certificate for its names, and none
// that a thief of its key makes. Java, Node.js and Python do so in scripts/test tools.
func TestForeign(t *testing.T) {
	a, err := New(names, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := a.Leaf(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range append([]string{"localhost", "127.0.0.1", "::1"}, names...) {
		accepted(t, a, leaf.Certificate, leaf.PrivateKey.(*ecdsa.PrivateKey), host, true)
	}
	for what, c := range forgeries() {
		t.Run(what, func(t *testing.T) {
			chain, key := a.forged(t, &c.Certificate)
			accepted(t, a, chain, key, c.host, false)
		})
	}
}

// accepted checks what OpenSSL and curl say of a chain for a host.
func accepted(t *testing.T, a *Authority, chain [][]byte, key *ecdsa.PrivateKey, host string, want bool) {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root := file("root", a.root.Raw)
	kind := "-verify_hostname"
	if net.ParseIP(host) != nil {
		kind = "-verify_ip"
	}
	out, err := exec.Command("openssl", "verify", "-x509_strict", "-CAfile", root, "-untrusted", file("issuer", chain[1]), "-purpose", "sslserver", kind, host, file("leaf", chain[0])).CombinedOutput()
	if good := err == nil && strings.Contains(string(out), ": OK"); good != want {
		t.Errorf("openssl, %s: %s", host, out)
	}

	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	at := net.JoinHostPort(host, port)
	out, err = exec.Command("curl", "-sS", "-m", "20", "--noproxy", "*", "--cacert", root, "--connect-to", at+":"+l.Addr().String(), "https://"+at+"/").CombinedOutput()
	if good := err == nil && string(out) == "hello"; good != want {
		t.Errorf("curl, %s: %v, %s", host, err, out)
	}
}
