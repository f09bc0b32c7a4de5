package helper_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// keyWithCertificate is a file as client_cert wants it: a key and its self-signed
// certificate, which ends in the given time.
func keyWithCertificate(t *testing.T, life time.Duration) (content string, cert *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "gateway"}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), cert
}

// TestClientCert: a gateway wants a client certificate before it looks at Basic.
// client_cert shows one beside any client authentication; without it the answer
// says what is missing, and nothing about the secret.
func TestClientCert(t *testing.T) {
	h := newHome(t, oauthtest.Options{Certificate: "good", TLS: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }})
	ca, file, over := h.dirs.Config+"/ca.pem", h.dirs.Config+"/client.pem", h.dirs.Config+"/over.pem"
	content, cert := keyWithCertificate(t, time.Hour)
	h.write(ca, string(h.server.RootsPEM()))
	h.write(file, content)
	content, _ = keyWithCertificate(t, -time.Hour)
	h.write(over, content)
	without := plain + "ca_file = \"" + ca + "\"\n"
	h.profile("demo", without)
	h.store("demo", "secret")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrPolicy, "the server wants a client certificate, and none was shown", "client_cert")

	h.profile("demo", without+"client_cert = [\"file\", \""+file+"\"]\n") // the secret's binding stays
	h.mustGet(named)
	if peer := h.server.Requests()[0].Peer; peer == nil || !peer.Equal(cert) {
		t.Error("another certificate was shown")
	}
	h.profile("demo", without+"client_cert = [\"file\", \""+over+"\"]\n") // the token's does not
	_, err = h.get(named)
	wantError(t, err, protocol.ErrPolicy, "client_cert: the client's certificate expired on", "credhelper edit demo")
	h.profile("demo", without+"client_cert = [\"file\", \""+ca+"\"]\n")
	_, err = h.get(named)
	wantError(t, err, protocol.ErrPolicy, "client_cert: the key file holds no private key")
	if n := h.server.Count(); n != 1 {
		t.Errorf("%d requests", n)
	}
}
