package server

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/secret"
)

// CertificateEnd returns the expiry of the certificate that belongs to a profile's key;
// zero if there is none or if it cannot be read without running a command or asking a
// server. inKeyring is the profile's secret in the keyring; zero if there is none.
func (ss *Servers) CertificateEnd(ctx context.Context, p *config.Profile, inKeyring secret.Text) time.Time {
	const largest = 256 << 10
	if p.ClientCert != nil {
		return ss.sourceEnd(ctx, p, p.ClientCert)
	}
	switch {
	case !p.NeedsKey():
		return time.Time{}
	case p.Cert != "":
		content, err := configfile.Read(p.Cert, largest)
		if err != nil {
			return time.Time{}
		}
		return firstCertificateEnd(content)
	case p.SecretIsKey() && p.InKeyring():
		return keyEnd(inKeyring)
	}
	words := p.Key
	if words == nil {
		words = p.Secret
	}
	return ss.sourceEnd(ctx, p, words)
}

// sourceEnd returns the expiry of the certificate beside a key in a source.
func (ss *Servers) sourceEnd(ctx context.Context, p *config.Profile, words []string) time.Time {
	if source := (config.Source{Words: words}); source.ReachesOut() {
		return time.Time{}
	}
	source, err := ss.Source(p, words)
	if err != nil {
		return time.Time{}
	}
	key, _ := source.ReadKey(ctx) // after an error it is empty, and so has no end
	return keyEnd(key)
}

// keyEnd returns the expiry of the certificate beside a key.
func keyEnd(content secret.Text) time.Time {
	key, err := oauth.ReadKey([]byte(content.Reveal()), secret.Text{})
	if err != nil || key.Certificate() == nil {
		return time.Time{}
	}
	return key.Certificate().NotAfter.UTC()
}

// firstCertificateEnd parses PEM or DER; the client's own certificate is the first of a
// chain (RFC 8446 4.4.2).
func firstCertificateEnd(content []byte) time.Time {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			content = block.Bytes
			break
		}
	}
	cert, err := x509.ParseCertificate(content)
	if err != nil {
		return time.Time{}
	}
	return cert.NotAfter.UTC()
}
