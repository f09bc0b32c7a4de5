// Package ca is the certification authority of a home's door (docs/door.md), for programs
// that refuse plain HTTP, and for guests on other machines.
//
// Programs trust its root, whose key is destroyed as soon as it has signed one issuer.
// The issuer's key stays, and its certificate is critically name-constrained (RFC 5280
// 4.2.1.10) to loopback and the names that the authority was made for. So nobody, also not
// a thief of that key, can make a certificate for another server that they accept. The
// constraint has to be in the issuer, because RFC 5280 6.1 and Java ignore what the root
// says of itself.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
)

const (
	lifeTime = 730 * 24 * time.Hour
	leafTime = 7 * 24 * time.Hour
	// skew is how long certificates are valid before they are made: the clocks of other
	// machines differ.
	skew = time.Hour
)

// Authority is the authority of one home. It must not be changed.
type Authority struct {
	root, issuer *x509.Certificate
	key          *ecdsa.PrivateKey // the issuer's
}

// ErrEnded says that an authority's two years are over.
var ErrEnded = errors.New("the door's CA has ended")

// New makes an authority for loopback and for these names and addresses, as CheckName
// returns them.
func New(names []string, now time.Time) (*Authority, error) {
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	public, err := x509.MarshalPKIXPublicKey(&keys[1].PublicKey)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(public)
	name := CommonName + hex.EncodeToString(sum[:4])
	root := template(names, now)
	root.Subject.CommonName, root.MaxPathLen = name, 1
	issuer := template(names, now)
	issuer.Subject.CommonName, issuer.MaxPathLenZero = name+" issuer", true
	a := &Authority{key: keys[1]}
	if a.root, err = sign(root, root, &keys[0].PublicKey, keys[0]); err != nil {
		return nil, err
	}
	a.issuer, err = sign(issuer, a.root, &keys[1].PublicKey, keys[0])
	return a, err
}

// CommonName begins the names of all authorities, so that people know what they trust.
const CommonName = "credhelper door "

// template is what root and issuer have in common.
func template(names []string, now time.Time) *x509.Certificate {
	c := &x509.Certificate{
		NotBefore:                   now.Add(-skew),
		NotAfter:                    now.Add(lifeTime),
		BasicConstraintsValid:       true,
		IsCA:                        true,
		KeyUsage:                    x509.KeyUsageCertSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{localhost},
	}
	for _, p := range loopback {
		c.PermittedIPRanges = append(c.PermittedIPRanges, rangeOf(p))
	}
	for _, name := range names {
		if a, err := netip.ParseAddr(name); err == nil {
			c.PermittedIPRanges = append(c.PermittedIPRanges, rangeOf(netip.PrefixFrom(a, a.BitLen())))
		} else {
			c.PermittedDNSDomains = append(c.PermittedDNSDomains, name)
		}
	}
	return c
}

const localhost = "localhost"

var loopback = [...]netip.Prefix{
	netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8),
	netip.PrefixFrom(netip.IPv6Loopback(), 128),
}

func rangeOf(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// sign makes a certificate. Its serial number is random.
func sign(c, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Ends returns when the authority ends.
func (a *Authority) Ends() time.Time { return a.root.NotAfter }

// PEM returns the root's certificate: what a program has to trust.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: a.root.Raw})
}

// Pool returns the same for a client in Go.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// In reports whether the authority, or a former one of some home, is in a file of PEM
// blocks.
func (a *Authority) In(bundle []byte) (present, former bool) {
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return present, former
		}
		c, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
		case c.Equal(a.root):
			present = true
		case strings.HasPrefix(c.Subject.CommonName, CommonName):
			former = true
		}
	}
}

// Names returns the names and addresses besides loopback that the authority was made for.
func (a *Authority) Names() (names []string) {
	for _, name := range a.issuer.PermittedDNSDomains {
		if name != localhost {
			names = append(names, name)
		}
	}
	for _, r := range a.issuer.PermittedIPRanges {
		if ip, ok := netip.AddrFromSlice(r.IP); ok && !ip.IsLoopback() {
			names = append(names, ip.String())
		}
	}
	return names
}

// Covers reports whether the authority may certify a name or an address. A name below
// one of its names does not count.
func (a *Authority) Covers(name string) bool {
	return Loopback(name) || slices.Contains(a.Names(), name)
}

// Leaf returns a certificate of seven days, with a key of its own, for the usual names of
// loopback, for those of the authority, and for further loopback addresses.
func (a *Authority) Leaf(now time.Time, further ...netip.Addr) (*tls.Certificate, error) {
	if !now.Before(a.Ends()) {
		return nil, ErrEnded
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		Subject:     pkix.Name{CommonName: localhost},
		NotBefore:   now.Add(-skew),
		NotAfter:    now.Add(leafTime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{localhost},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if c.NotAfter.After(a.Ends()) {
		c.NotAfter = a.Ends()
	}
	for _, name := range a.Names() {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	for _, ip := range further {
		if ip.IsLoopback() {
			c.IPAddresses = append(c.IPAddresses, ip.AsSlice())
		}
	}
	leaf, err := sign(c, a.issuer, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, a.issuer.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
)

// Text returns the authority with its key, for the keyring: PEM blocks of root, issuer
// and key (PKCS #8).
func (a *Authority) Text() (secret.Text, error) {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return secret.Text{}, err
	}
	var b strings.Builder
	b.Write(a.PEM())
	b.Write(pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: a.issuer.Raw}))
	b.Write(pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: key}))
	return secret.New(b.String()), nil
}

// errDamaged says nothing of the text, which has a key in it.
var errDamaged = errors.New("the door's CA is damaged")

// Parse parses what Text returned.
func Parse(text secret.Text) (*Authority, error) {
	a := &Authority{}
	rest := []byte(text.Reveal())
	for _, into := range [...]**x509.Certificate{&a.root, &a.issuer} {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != pemCertificate {
			return nil, errDamaged
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errDamaged
		}
		*into = c
	}
	block, _ := pem.Decode(rest)
	if block == nil || block.Type != pemKey {
		return nil, errDamaged
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errDamaged
	}
	own, ok := key.(*ecdsa.PrivateKey)
	if !ok || !own.PublicKey.Equal(a.issuer.PublicKey) {
		return nil, errDamaged
	}
	a.key = own
	return a, nil
}
