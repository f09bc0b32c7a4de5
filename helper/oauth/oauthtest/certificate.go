package oauthtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// certificate is one way for a server to be, or not to be, whom it says.
type certificate struct {
	name     string
	change   func(*x509.Certificate) // of the leaf; nil: none
	selfMade bool                    // signed by itself, not by the CA
	sha1     bool                    // signed with SHA-1
	max      uint16                  // highest TLS version; 0: no limit
}

// certificates are the ways to be trusted and the reasons not to be.
var certificates = [...]certificate{
	{name: "good"},
	{name: "expired", change: func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Hour) }},
	{name: "not-yet-valid", change: func(c *x509.Certificate) { c.NotBefore = c.NotAfter.Add(-time.Hour) }},
	{name: "wrong-host", change: func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example.com"} }},
	{name: "self-signed", selfMade: true},
	{name: "for-clients", change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }},
	{name: "sha1", sha1: true},
	{name: "tls10", max: tls.VersionTLS10},
	{name: "tls11", max: tls.VersionTLS11},
	{name: "tls12", max: tls.VersionTLS12},
}

// Certificates are the names that Options.Certificate may have.
func Certificates() []string {
	var names []string
	for _, c := range certificates {
		names = append(names, c.name)
	}
	return names
}

// tlsConfig makes a CA and a certificate for host, new ones for each server.
func tlsConfig(name, host string, now time.Time) (*tls.Config, []byte, error) {
	for _, c := range certificates {
		if c.name == name {
			return c.make(host, now)
		}
	}
	return nil, nil, fmt.Errorf("oauthtest: no certificate %q", name)
}

func (c certificate) make(host string, now time.Time) (*tls.Config, []byte, error) {
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "oauthtest authority"},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.ParseIP(host)}, DNSNames: []string{"localhost"},
	}
	if c.change != nil {
		c.change(leaf)
	}
	if c.sha1 {
		leaf.SignatureAlgorithm = x509.SHA1WithRSA
	}
	caKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	ca, err := x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, nil, err
	}
	parent, signer := authority, any(caKey)
	if c.selfMade {
		parent, signer = leaf, key
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:   tls.RequestClientCert, // RFC 8705: who shows one is looked at
		MinVersion:   tls.VersionTLS10, MaxVersion: c.max, NextProtos: []string{"http/1.1"},
	}
	return config, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}), nil
}
