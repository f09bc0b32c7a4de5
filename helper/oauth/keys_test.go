package oauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/youmark/pkcs8"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/secret"
)

// pair is a private key with a certificate of its own.
type pair struct {
	key  crypto.Signer
	cert *x509.Certificate
}

// made are the keys of the tests, each made once: RSA is slow to make.
var made = map[string]func() pair{
	"RSA":     sync.OnceValue(func() pair { k, err := rsa.GenerateKey(rand.Reader, 2048); return certify(k, err, 0) }),
	"EC":      sync.OnceValue(func() pair { k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return certify(k, err, 0) }),
	"Ed25519": sync.OnceValue(func() pair { _, k, err := ed25519.GenerateKey(rand.Reader); return certify(k, err, 0) }),
	"P-384":   sync.OnceValue(func() pair { k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader); return certify(k, err, 0) }),
	"over": sync.OnceValue(func() pair {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return certify(k, err, -48*time.Hour)
	}),
	"early": sync.OnceValue(func() pair {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return certify(k, err, 48*time.Hour)
	}),
}

// certify signs a certificate that is valid from yesterday to tomorrow, moved by
// shift.
func certify(key crypto.Signer, err error, shift time.Duration) pair {
	if err != nil {
		panic(err)
	}
	now := time.Now().Add(shift)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "client"}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return pair{key, cert}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func (p pair) pkcs8(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (p pair) pem(t testing.TB) string  { return block("PRIVATE KEY", p.pkcs8(t)) }
func (p pair) both(t testing.TB) string { return p.pem(t) + block("CERTIFICATE", p.cert.Raw) }

// read makes a Key of a pair, with its certificate; bare without it.
func (p pair) read(t testing.TB) *oauth.Key { t.Helper(); return readKey(t, p.both(t)) }
func (p pair) bare(t testing.TB) *oauth.Key { t.Helper(); return readKey(t, p.pem(t)) }

func readKey(t testing.TB, text string) *oauth.Key {
	t.Helper()
	k, err := oauth.ReadKey([]byte(text), secret.Text{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestReadKey: every form in which a key is handed out, and what is wrong with
// the others, told without a request and without a piece of the key.
func TestReadKey(t *testing.T) {
	rsaPair, ec, ed := made["RSA"](), made["EC"](), made["Ed25519"]()
	must := func(der []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	encrypted := block("ENCRYPTED PRIVATE KEY", must(pkcs8.MarshalPrivateKey(rsaPair.key, []byte("pass word"), nil)))
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	google, err := json.Marshal(map[string]string{"type": "service_account", "private_key": rsaPair.pem(t), "private_key_id": "abc123"})
	if err != nil {
		t.Fatal(err)
	}
	p12 := string(must(pkcs12.Modern2023.Encode(rsaPair.key, rsaPair.cert, nil, "pass word")))
	for _, c := range []struct {
		name, data, password string
		says                 string // "" reads
		cert                 bool
	}{
		{"PKCS#8, RSA", rsaPair.pem(t), "", "", false},
		{"PKCS#8, EC", ec.pem(t), "", "", false},
		{"PKCS#8, Ed25519", ed.pem(t), "", "", false},
		{"PKCS#1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaPair.key.(*rsa.PrivateKey))), "", "", false},
		{"SEC1", block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ec.key.(*ecdsa.PrivateKey)))), "", "", false},
		{"key, then certificate", ec.both(t), "", "", true},
		{"certificate, then key", block("CERTIFICATE", ec.cert.Raw) + ec.pem(t), "", "", true},
		{"the key's certificate is not the first", block("CERTIFICATE", ed.cert.Raw) + ec.both(t), "", "", true},
		{"text around it", "Bag Attributes\n" + ec.pem(t) + "\nmore", "", "", false},
		{"encrypted PKCS#8", encrypted, "pass word", "", false},
		{"DER", string(ec.pkcs8(t)), "", "", false},
		{"PKCS#12", p12, "pass word", "", true},
		{"Google's JSON", string(google), "", "", false},

		{"empty", " \n", "", "empty", false},
		{"no key", block("CERTIFICATE", ec.cert.Raw), "", "no private key", false},
		{"two keys", ec.pem(t) + ed.pem(t), "", "more than one", false},
		{"encrypted, no password", encrypted, "", "no password", false},
		{"encrypted, wrong password", encrypted, "pass", "wrong password", false},
		{"PKCS#12, no password", p12, "", "no password", false},
		{"PKCS#12, wrong password", p12, "pass", "wrong password", false},
		{"RFC 1421", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", "", "outdated", false},
		{"RSA of 1024 bits", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)), "", "2048", false},
		{"another curve", made["P-384"]().pem(t), "", "P-256", false},
		{"another's certificate", ec.pem(t) + block("CERTIFICATE", ed.cert.Raw), "", "does not belong", false},
		{"a broken certificate", ec.pem(t) + block("CERTIFICATE", []byte("x")), "", "cannot be read", false},
		{"a broken key", block("PRIVATE KEY", []byte("x")), "", "cannot be read", false},
		{"JSON without a key", `{"type":"authorized_user"}`, "", "private_key", false},
		{"broken JSON", `{"private_key":`, "", "JSON", false},
		{"something else", "hello", "", "neither", false},
		{"too large", strings.Repeat("x", 300<<10), "", "too large", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := oauth.ReadKey([]byte(c.data), secret.New(c.password))
			if c.says != "" {
				var e *oauth.Error
				if !errors.As(err, &e) || e.Kind != oauth.Policy || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v, want %q", err, c.says)
				}
				if errors.Is(err, oauth.ErrEncrypted) != (c.says == "no password") {
					t.Errorf("%v: is it ErrEncrypted?", err)
				}
				wantOneCleanLine(t, err.Error())
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if (k.Certificate() != nil) != c.cert {
				t.Errorf("certificate %v", k.Certificate())
			}
			if s := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.TrimSpace(strings.ReplaceAll(s, "REDACTED", "")) != "" {
				t.Errorf("it prints %s", s)
			}
			again, err := k.PEM()
			if err != nil {
				t.Fatal(err)
			}
			if same, err := oauth.ReadKey([]byte(again.Reveal()), secret.Text{}); err != nil || (same.Certificate() != nil) != c.cert {
				t.Errorf("its own PEM is not read back: %v", err)
			}
		})
	}
}

// TestWithCertificates: a key and a certificate in two files.
func TestWithCertificates(t *testing.T) {
	ec, ed := made["EC"](), made["Ed25519"]()
	for _, c := range []struct{ name, data, says string }{
		{"PEM", block("CERTIFICATE", ec.cert.Raw), ""},
		{"DER", string(ec.cert.Raw), ""},
		{"chain", block("CERTIFICATE", ed.cert.Raw) + block("CERTIFICATE", ec.cert.Raw), ""},
		{"another's", block("CERTIFICATE", ed.cert.Raw), "does not belong"},
		{"none", ec.pem(t), "no certificate"},
		{"broken", block("CERTIFICATE", []byte("x")), "cannot be read"},
		{"too large", strings.Repeat("x", 300<<10), "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := ec.bare(t).WithCertificates([]byte(c.data))
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %q", err, c.says)
				}
				return
			}
			if err != nil || !k.Certificate().Equal(ec.cert) {
				t.Errorf("%v, %v", k.Certificate(), err)
			}
		})
	}
}

// FuzzReadKey: whatever a file holds, there is a key that signs, or one clean
// line (T23).
func FuzzReadKey(f *testing.F) {
	ec, ed := made["EC"](), made["Ed25519"]()
	f.Add([]byte(ec.both(f)))
	f.Add([]byte(block("CERTIFICATE", ed.cert.Raw) + ed.pem(f)))
	f.Add(ec.pkcs8(f))
	f.Add([]byte(`{"private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n","private_key_id":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := oauth.ReadKey(data, secret.Text{})
		if err != nil {
			wantOneCleanLine(t, err.Error())
			return
		}
		if _, err := k.PEM(); err != nil {
			t.Error(err)
		}
	})
}
