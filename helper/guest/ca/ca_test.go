package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
)

var (
	made  = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	names = []string{"door.example.com", "192.0.2.7", "2001:db8::7"}
)

func newAuthority(t *testing.T) *Authority {
	t.Helper()
	a, err := New(names, made)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// verify reports what Go's verifier, which trusts the root only, says of a chain for a
// host.
func verify(a *Authority, chain [][]byte, host string, now time.Time) error {
	o := x509.VerifyOptions{Roots: a.Pool(), Intermediates: x509.NewCertPool(), DNSName: host, CurrentTime: now}
	var leaf *x509.Certificate
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		if i == 0 {
			leaf = c
		} else {
			o.Intermediates.AddCert(c)
		}
	}
	_, err := leaf.Verify(o)
	return err
}

// TestAuthority: both certificates are constrained, critically, and say what they are for.
func TestAuthority(t *testing.T) {
	a := newAuthority(t)
	for i, c := range []*x509.Certificate{a.root, a.issuer} {
		if !c.IsCA || c.MaxPathLen != 1-i || c.KeyUsage != x509.KeyUsageCertSign || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
			t.Errorf("%s: path length %d, uses %v %v", c.Subject, c.MaxPathLen, c.KeyUsage, c.ExtKeyUsage)
		}
		if !c.PermittedDNSDomainsCritical || !slices.Equal(c.PermittedDNSDomains, []string{"localhost", "door.example.com"}) || len(c.PermittedIPRanges) != 4 {
			t.Errorf("%s: constrained to %v %v, critically: %v", c.Subject, c.PermittedDNSDomains, c.PermittedIPRanges, c.PermittedDNSDomainsCritical)
		}
		if d := c.NotAfter.Sub(made); d != 730*24*time.Hour || !strings.HasPrefix(c.Subject.CommonName, CommonName) {
			t.Errorf("%s lasts %v", c.Subject, d)
		}
	}
	if a.root.PublicKey.(*ecdsa.PublicKey).Equal(&a.key.PublicKey) || a.root.Subject.String() == a.issuer.Subject.String() {
		t.Error("the root's key is kept")
	}
	if !slices.Equal(a.Names(), names) {
		t.Errorf("made for %v", a.Names())
	}
	for host, want := range map[string]bool{"localhost": true, "127.9.9.9": true, "::1": true, "door.example.com": true, "192.0.2.7": true, "2001:db8::7": true,
		"example.com": false, "a.door.example.com": false, "192.0.2.8": false, "": false} {
		if a.Covers(host) != want {
			t.Errorf("%q is covered: %v", host, !want)
		}
	}
}

// TestLeaf: a certificate is good for seven days, for loopback and the authority's names.
func TestLeaf(t *testing.T) {
	a := newAuthority(t)
	leaf, err := a.Leaf(made, netip.MustParseAddr("127.0.0.5"), netip.MustParseAddr("198.51.100.1"))
	if err != nil {
		t.Fatal(err)
	}
	for host, good := range map[string]bool{"localhost": true, "127.0.0.1": true, "127.0.0.5": true, "::1": true, "door.example.com": true, "192.0.2.7": true, "2001:db8::7": true,
		"127.0.0.6": false, "198.51.100.1": false, "example.com": false} {
		if err := verify(a, leaf.Certificate, host, made); (err == nil) != good {
			t.Errorf("%s: %v", host, err)
		}
	}
	for after, good := range map[time.Duration]bool{-30 * time.Minute: true, 7*24*time.Hour - 1: true, 7*24*time.Hour + time.Second: false} {
		if err := verify(a, leaf.Certificate, "localhost", made.Add(after)); (err == nil) != good {
			t.Errorf("after %v: %v", after, err)
		}
	}
	if last, err := a.Leaf(a.Ends().Add(-time.Hour)); err != nil || last.Leaf.NotAfter != a.Ends() {
		t.Errorf("the last one: %v, %v", last, err)
	}
	if _, err := a.Leaf(a.Ends()); !errors.Is(err, ErrEnded) {
		t.Errorf("afterwards: %v", err)
	}
}

// forged makes a certificate with the authority's key as a thief of it would.
func (a *Authority) forged(t *testing.T, c *x509.Certificate) (chain [][]byte, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = a.root.NotBefore, a.root.NotAfter
	if c.ExtKeyUsage == nil {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	leaf, err := sign(c, a.issuer, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{leaf.Raw, a.issuer.Raw}, key
}

// forgeries are certificates that a thief of the key would like to have, and the host.
func forgeries() map[string]struct {
	host string
	x509.Certificate
} {
	return map[string]struct {
		host string
		x509.Certificate
	}{
		"another name":       {"example.com", x509.Certificate{DNSNames: []string{"example.com"}}},
		"one more name":      {"localhost", x509.Certificate{DNSNames: []string{"localhost", "example.com"}}},
		"a wildcard":         {"door.example.com", x509.Certificate{DNSNames: []string{"*.example.com"}}},
		"another address":    {"192.0.2.8", x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 8)}}},
		"an IPv6 address":    {"2001:db8::8", x509.Certificate{IPAddresses: []net.IP{net.ParseIP("2001:db8::8")}}},
		"for other than TLS": {"localhost", x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}},
	}
}

// TestForged: the authority's key makes no certificate for anybody else, and no further
// authority.
func TestForged(t *testing.T) {
	a := newAuthority(t)
	for what, c := range forgeries() {
		chain, _ := a.forged(t, &c.Certificate)
		if err := verify(a, chain, c.host, made); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	chain, key := a.forged(t, &x509.Certificate{Subject: pkix.Name{CommonName: "below"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	below, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := sign(&x509.Certificate{DNSNames: []string{"localhost"}, NotBefore: made, NotAfter: made.Add(time.Hour)}, below, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(a, append([][]byte{leaf.Raw}, chain...), "localhost", made); err == nil {
		t.Error("an authority below it is accepted")
	}
}

// TestText: what the keyring has is read back; anything else is an error that has nothing
// of it.
func TestText(t *testing.T) {
	a := newAuthority(t)
	text, err := a.Text()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text.Reveal(), "PRIVATE KEY-----\n"); n != 2 { // one begin, one end
		t.Errorf("%d lines of keys", n)
	}
	back, err := Parse(text)
	if err != nil || !slices.Equal(back.Names(), names) || !back.key.Equal(a.key) || string(back.PEM()) != string(a.PEM()) {
		t.Fatalf("read back: %v, %v", back, err)
	}
	other, _ := newAuthority(t).Text()
	foreign := a.issuer.Raw
	for name, bad := range map[string]string{
		"nothing":         "",
		"a certificate":   string(a.PEM()),
		"no key":          text.Reveal()[:strings.Index(text.Reveal(), "-----BEGIN PRIVATE")],
		"another's key":   text.Reveal()[:strings.Index(text.Reveal(), "-----BEGIN PRIVATE")] + other.Reveal()[strings.Index(other.Reveal(), "-----BEGIN PRIVATE"):],
		"only keys":       text.Reveal()[strings.Index(text.Reveal(), "-----BEGIN PRIVATE"):],
		"no certificates": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: foreign[:40]})) + text.Reveal(),
	} {
		if _, err := Parse(secret.New(bad)); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse: whatever the keyring returns, it is an authority that certifies loopback, or
// an error.
func FuzzParse(f *testing.F) {
	a, err := New(names, made)
	if err != nil {
		f.Fatal(err)
	}
	text, err := a.Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text.Reveal())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := Parse(secret.New(text)); err == nil {
			a.Names()
			_, _ = a.Leaf(made)
		}
	})
}
