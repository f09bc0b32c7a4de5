package oauth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"time"

	"github.com/youmark/pkcs8"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// keyLimit is the maximum size of a file with a key and its certificates.
const keyLimit = 256 << 10

// Key is a client's private key with its certificates, the leaf first. It cannot be
// printed: its fields are not exported, and its text is secret.Redacted.
type Key struct {
	signer crypto.Signer
	chain  []*x509.Certificate
	id     string // the key's id in its file, if there is one (Google's JSON)
}

// String keeps a key out of logs (T12).
func (k *Key) String() string { return secret.Redacted }

// GoString keeps a key out of %#v.
func (k *Key) GoString() string { return secret.Redacted }

// Certificate returns the leaf; nil if the key has none.
func (k *Key) Certificate() *x509.Certificate {
	if len(k.chain) == 0 {
		return nil
	}
	return k.chain[0]
}

// ReadKey parses a private key in any of the usual forms: PEM with PKCS#8, encrypted
// PKCS#8 (RFC 5958), PKCS#1 or SEC1, with certificates beside it; PKCS#12 (RFC 7292);
// bare DER; the JSON file of a Google service account. password is for encrypted ones.
// It checks that an Alg can sign with the key, that the key is long enough, and that it
// matches its certificate. Its errors are *Error of kind Policy and quote nothing; one
// of them is ErrEncrypted.
func ReadKey(data []byte, password secret.Text) (*Key, error) {
	k, err := readKey(data, password)
	if err != nil {
		return nil, err
	}
	if reason := k.unfit(); reason != "" {
		return nil, policy(reason)
	}
	return k, nil
}

// ErrEncrypted is what ReadKey fails with where it needs a password and has none.
var ErrEncrypted = errors.New("the key is encrypted and no password was given")

func errEncrypted() error {
	return &Error{Kind: Policy, Reason: ErrEncrypted.Error(), cause: ErrEncrypted}
}

func readKey(data []byte, password secret.Text) (*Key, error) {
	trimmed := bytes.TrimSpace(data)
	switch {
	case len(data) > keyLimit:
		return nil, policy("the key file is too large")
	case len(trimmed) == 0:
		return nil, policy("the key file is empty")
	case trimmed[0] == '{':
		return readServiceAccount(trimmed)
	case bytes.Contains(trimmed, []byte("-----BEGIN ")):
		return readPEM(trimmed, password)
	}
	return readDER(data, password)
}

// readPEM parses one key and any number of certificates, in any order.
func readPEM(data []byte, password secret.Text) (*Key, error) {
	k := &Key{}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, policy("the key file holds a certificate that cannot be read")
			}
			k.chain = append(k.chain, cert)
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
			if k.signer != nil {
				return nil, policy("the key file holds more than one private key")
			}
			var err error
			if k.signer, err = parseBlock(block, password); err != nil {
				return nil, err
			}
		}
	}
	if k.signer == nil {
		return nil, policy("the key file holds no private key")
	}
	k.order()
	return k, nil
}

// parseBlock parses one private key. RFC 1421's own encryption (DEK-Info), which
// derives its key with one round of MD5, is refused; openssl pkcs8 -topk8 converts such
// a file.
func parseBlock(block *pem.Block, password secret.Text) (crypto.Signer, error) {
	if block.Headers["DEK-Info"] != "" {
		return nil, policy("the key is encrypted in an outdated way; convert it: openssl pkcs8 -topk8")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		if password.IsZero() {
			return nil, errEncrypted()
		}
		if key, err = pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(password.Reveal())); err != nil {
			return nil, policy("the key cannot be decrypted: a wrong password, or an unknown cipher")
		}
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, policy("the private key cannot be read")
	}
	return signerOf(key)
}

func signerOf(key any) (crypto.Signer, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, policy("the private key is neither RSA, EC nor Ed25519")
}

// readDER tries PKCS#8 and then PKCS#12, the only two forms without PEM.
func readDER(data []byte, password secret.Text) (*Key, error) {
	if key, err := x509.ParsePKCS8PrivateKey(data); err == nil {
		signer, err := signerOf(key)
		return &Key{signer: signer}, err
	}
	key, leaf, more, err := pkcs12.DecodeChain(data, password.Reveal())
	switch {
	case err == pkcs12.ErrIncorrectPassword && password.IsZero():
		return nil, errEncrypted()
	case err == pkcs12.ErrIncorrectPassword:
		return nil, policy("the key cannot be decrypted: a wrong password")
	case err != nil:
		return nil, policy("the key file is neither PEM, PKCS#8, PKCS#12 nor a service account's JSON")
	}
	signer, err := signerOf(key)
	return &Key{signer: signer, chain: append([]*x509.Certificate{leaf}, more...)}, err
}

// readServiceAccount parses Google's file for a service account
// (developers.google.com/identity/protocols/oauth2/service-account).
func readServiceAccount(data []byte) (*Key, error) {
	value, err := strictjson.Parse(data)
	if err != nil {
		return nil, policy("the key file is not valid JSON")
	}
	var armoured, id string
	for name, into := range map[string]*string{"private_key": &armoured, "private_key_id": &id} {
		if member, found := value.Get(name); found {
			_ = json.Unmarshal([]byte(member.Raw()), into) // other types leave it empty
		}
	}
	block, _ := pem.Decode([]byte(armoured))
	if block == nil {
		return nil, policy("the JSON has no private_key in PEM form")
	}
	signer, err := parseBlock(block, secret.Text{})
	return &Key{signer: signer, id: printable.Value(id)}, err
}

// order moves the key's certificate to the front, because bundles are in any order.
func (k *Key) order() {
	for i, cert := range k.chain {
		if k.fits(cert) {
			k.chain[0], k.chain[i] = k.chain[i], k.chain[0]
			return
		}
	}
}

// fits reports whether a certificate belongs to this key.
func (k *Key) fits(cert *x509.Certificate) bool {
	public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(k.signer.Public())
}

// unfit returns why a key must not be used; "" if it may. 2048 bits is the minimum of
// RFC 7518 3.3 and 3.5.
func (k *Key) unfit() string {
	switch key := k.signer.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < 2048 {
			return "the RSA key has fewer than 2048 bits (RFC 7518 3.3)"
		}
	case *ecdsa.PrivateKey:
		if key.Curve != elliptic.P256() {
			return "the EC key is not on the curve P-256"
		}
	}
	if len(k.chain) > 0 && !k.fits(k.chain[0]) {
		return "the private key does not belong to the certificate"
	}
	return ""
}

// WithCertificates returns the key with the certificates of a PEM or DER file, one of
// which must be the key's. Its errors are *Error of kind Policy.
func (k *Key) WithCertificates(data []byte) (*Key, error) {
	if len(data) > keyLimit {
		return nil, policy("the certificate file is too large")
	}
	with := &Key{signer: k.signer, id: k.id}
	rest := data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, policy("the certificate cannot be read")
		}
		with.chain = append(with.chain, cert)
	}
	if with.chain == nil {
		cert, err := x509.ParseCertificate(data)
		if err != nil {
			return nil, policy("the certificate file holds no certificate")
		}
		with.chain = append(with.chain, cert)
	}
	with.order()
	if reason := with.unfit(); reason != "" {
		return nil, policy(reason)
	}
	return with, nil
}

// expired returns why a certificate is not valid now, "" if it is: the server would
// refuse, and a few refusals lock an account.
func (k *Key) expired(now time.Time) string {
	cert := k.Certificate()
	switch {
	case cert == nil:
		return ""
	case now.After(cert.NotAfter):
		return "the client's certificate expired on " + cert.NotAfter.UTC().Format(time.DateOnly)
	case now.Before(cert.NotBefore):
		return "the client's certificate is not valid before " + cert.NotBefore.UTC().Format(time.DateTime) + "Z"
	}
	return ""
}

// Valid returns why the key's certificate is not valid at a time; nil if it is, or if
// there is none. Its errors are *Error of kind Policy.
func (k *Key) Valid(at time.Time) error {
	if reason := k.expired(at); reason != "" {
		return policy(reason)
	}
	return nil
}

// TLS returns the key as a client certificate (RFC 8705); it fails without a
// certificate.
func (k *Key) TLS() (tls.Certificate, error) {
	if len(k.chain) == 0 {
		return tls.Certificate{}, policy("the key has no certificate to show to the server")
	}
	c := tls.Certificate{PrivateKey: k.signer, Leaf: k.chain[0]}
	for _, cert := range k.chain {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c, nil
}

// PEM returns the key with its certificates in the form that keyrings store: PKCS#8 and
// X.509, unencrypted.
func (k *Key) PEM() (secret.Text, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.signer)
	if err != nil {
		return secret.Text{}, policy("the private key cannot be written")
	}
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: der}) // a buffer never fails
	for _, cert := range k.chain {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return secret.New(out.String()), nil
}
