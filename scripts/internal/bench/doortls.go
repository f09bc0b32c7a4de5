package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// certificate is that of the servers of the measurements, which they sign themselves.
type certificate struct {
	pair  tls.Certificate
	roots *x509.CertPool
}

// server returns the configuration of a server, with HTTP/1.1 only.
func (c *certificate) server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.pair}, NextProtos: []string{"http/1.1"}}
}

// certificateFile returns where the certificate and its key are.
func (b *bench) certificateFile() string { return filepath.Join(b.dir, "certificate.pem") }

// makeCertificate makes the file.
func (b *bench) makeCertificate() (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(b.certificateFile(), text, 0o600); err != nil {
		return nil, err
	}
	return readCertificate(b.certificateFile())
}

func readCertificate(file string) (*certificate, error) {
	pair, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	c := &certificate{pair, x509.NewCertPool()}
	if err == nil && !c.roots.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s has no certificate", file)
	}
	return c, err
}

// secured is a target by TLS. Whose certificate it is does not matter here.
func (t target) secured() target {
	under := t.dial
	t.dial = func() (net.Conn, error) {
		c, err := under()
		if err != nil {
			return nil, err
		}
		return tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}), nil
	}
	return t
}

// doorTLS measures the door with TLS on both sides beside the bare proxy.
func (b *bench) doorTLS() ([]figure, error) {
	c, err := b.makeCertificate()
	if err != nil {
		return nil, err
	}
	api, err := respond(1024, func(l net.Listener) net.Listener { return tls.NewListener(l, c.server()) })
	if err != nil {
		return nil, err
	}
	home, g, err := b.doorHome("tls", "https://"+api.Addr().String())
	if err != nil {
		return nil, err
	}
	home.Env = append(home.Env, "SSL_CERT_FILE="+b.certificateFile())
	address, pid, err := b.startDoor(home, "--tls")
	if err != nil {
		return nil, err
	}
	own := &contender{nameDoor, plainTo(address, g.basic()).secured(), pid}
	bare, err := b.startBare("https://"+api.Addr().String(), g.basic(), strings.Repeat("t", tokenSize))
	if err != nil {
		return nil, err
	}
	bare.target = bare.target.secured()
	for _, c := range []*contender{own, bare} {
		if err := c.answers(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	all, err := duel([]*contender{bare, own}, 500, 200*time.Millisecond)
	if err != nil {
		return nil, err
	}
	value, note := ratio(all[nameDoor].rate, all[nameBare].rate)
	late, lateNote := ratio(all[nameDoor].latency, all[nameBare].latency)
	return []figure{
		{name: "door: TLS on both sides, requests a second / a bare httputil.ReverseProxy", value: value, format: "%.2f", bound: 0.8, least: true, note: note},
		{name: "door: the same, latency of one connection", value: late, format: "%.2f", note: lateNote},
	}, nil
}
