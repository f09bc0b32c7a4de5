package oauth

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// headerLimit is the most that an answer's headers may have, all 1xx ones
// before it included (A3).
const headerLimit = 64 << 10

// HTTPOptions are what a profile may choose about its connections.
type HTTPOptions struct {
	// RootsPEM are the certificates to trust instead of the system's, not beside
	// them (A4). Nil: the system's.
	RootsPEM []byte

	// Pins are SHA-256 digests of SubjectPublicKeyInfo, one of which must be in the
	// verified chain. None: any chain that verifies.
	Pins [][32]byte

	// Proxy tells the proxy for a request, as http.Transport has it; nil: none. It
	// is never asked about a loopback address (A6).
	Proxy func(*http.Request) (*url.URL, error)

	// Certificate is what the client shows to whoever asks for one (RFC 8705), also
	// where the authorities that the server names are not the certificate's; zero:
	// none.
	Certificate tls.Certificate

	// Connect is the longest that TCP, and then TLS, may take; 0: 4 s.
	Connect time.Duration
}

// NewHTTPClient makes the client for token endpoints and probes: HTTP/1.1 only,
// because GODEBUG=http2debug=2 prints headers and bodies of HTTP/2; TLS 1.2 at
// least, with no way to turn verification off; a fresh connection for each
// request; no redirects, no cookies (A3, A4). It fails when RootsPEM holds no
// certificate.
func NewHTTPClient(o HTTPOptions) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	config.GetClientCertificate = o.show
	if o.RootsPEM != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(o.RootsPEM) {
			return nil, policy("the CA file holds no certificate in PEM form")
		}
	}
	if len(o.Pins) > 0 {
		config.VerifyConnection = pinned(o.Pins)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: or(o.Connect, connectTimeout), KeepAlive: -1}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  notForLoopback(o.Proxy),
			OnProxyConnectResponse: connected,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    or(o.Connect, connectTimeout),
			Protocols:              protocols,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: headerLimit,
			ExpectContinueTimeout:  time.Second,
		},
	}, nil
}

func notForLoopback(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	if proxy == nil {
		return nil
	}
	return func(r *http.Request) (*url.URL, error) {
		if Direct(r.URL) {
			return nil, nil
		}
		u, err := proxy(r)
		if p := progressOf(r.Context()); p != nil && err == nil && u != nil {
			p.proxy.Store(u)
		}
		return u, err
	}
}

// Direct reports whether an address is never asked through a proxy: it is on this
// machine (A6).
func Direct(u *url.URL) bool { return u.Hostname() == "localhost" || loopback(u.Hostname()) }

// show answers a server that asks for a client certificate. tls.Config.Certificates
// would answer only a server that names the certificate's issuer among its
// authorities, which a self-signed one never has.
func (o HTTPOptions) show(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if p := progressOf(asked.Context()); p != nil {
		p.wanted.Store(true)
		p.shown.Store(len(o.Certificate.Certificate) > 0)
	}
	return &o.Certificate, nil
}

var errPin = errors.New("no certificate of the chain has a pinned key")

func pinned(pins [][32]byte) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		for _, chain := range s.VerifiedChains {
			for _, cert := range chain {
				if slices.Contains(pins, sha256.Sum256(cert.RawSubjectPublicKeyInfo)) {
					return nil
				}
			}
		}
		return errPin
	}
}
