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

// headerLimit is the maximum size of a response's headers, including those of all 1xx
// responses before it (A3).
const headerLimit = 64 << 10

// HTTPOptions are a profile's settings for connections.
type HTTPOptions struct {
	// RootsPEM are the CA certificates to trust instead of the system's (A4). Nil: the
	// system's.
	RootsPEM []byte

	// Pins are SHA-256 digests of SubjectPublicKeyInfo, one of which must be in the
	// verified chain. None: any chain that verifies.
	Pins [][32]byte

	// Proxy returns the proxy for a request, as in http.Transport; nil: none. It is
	// never called for a loopback address (A6).
	Proxy func(*http.Request) (*url.URL, error)

	// Certificate is presented to any server that asks for one (RFC 8705), even if it
	// is not from one of the CAs that the server names; zero: none.
	Certificate tls.Certificate

	// Connect is the time limit of TCP, and then of TLS; 0: 4 s.
	Connect time.Duration
}

// NewHTTPClient returns the client for token endpoints and probes: HTTP/1.1 only,
// because GODEBUG=http2debug=2 prints headers and bodies of HTTP/2; at least TLS 1.2,
// always with verification; a new connection for each request; no redirects, no cookies
// (A3, A4). It fails if RootsPEM contains no certificate.
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
			DialContext:            heard(dialer.DialContext),
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

// Direct reports whether an address never uses a proxy because it is on this machine
// (A6).
func Direct(u *url.URL) bool { return u.Hostname() == "localhost" || loopback(u.Hostname()) }

// show answers a server that asks for a client certificate. tls.Config.Certificates
// would answer only a server that lists the certificate's issuer, which is never the
// case for a self-signed one.
func (o HTTPOptions) show(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if p := progressOf(request.Context()); p != nil {
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
