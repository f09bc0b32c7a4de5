//go:build tools

package tools

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The CA of this run, and the certificate of all its servers.
var (
	authority   tls.Certificate
	certificate tls.Certificate
)

// makeAuthority makes both, and writes the CA's certificate for the tools.
func makeAuthority(file string) error {
	var err error
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tools' tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if authority, err = certify(root, root, nil); err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 2)},
	}
	if certificate, err = certify(leaf, root, authority.PrivateKey); err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]}), 0o644)
}

// trusting is an HTTP client that trusts this run's servers.
func trusting() *http.Client {
	roots := x509.NewCertPool()
	if root, err := x509.ParseCertificate(authority.Certificate[0]); err == nil {
		roots.AddCert(root)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
}

// certify signs a certificate; with a nil signer it is self-signed.
func certify(c, parent *x509.Certificate, signer any) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// site is a server that answers only requests with a valid token.
type site struct {
	*httptest.Server
	world  *world
	scheme string // "Bearer" or "Basic": the only one that it accepts and names
	open   func(*http.Request) bool

	mu   sync.Mutex
	seen []seen
}

// seen is one request, and how it was answered.
type seen struct {
	method, target, authorization, user, token string
	status                                     int
}

func (s seen) String() string {
	shown := s.authorization
	if shown == "" {
		shown = "(no Authorization)"
	}
	if scheme, rest, ok := strings.Cut(shown, " "); ok && len(shown) > 40 {
		shown = fmt.Sprintf("%s %s...%s (%d bytes)", scheme, rest[:12], rest[len(rest)-12:], len(shown))
	}
	if s.user != "" {
		shown += " = " + s.user + ":..." + s.token[max(0, len(s.token)-12):]
	}
	return fmt.Sprintf("%-4s %-60s %s -> %d", s.method, s.target, shown, s.status)
}

// site starts a server over TLS at https://localhost:PORT.
func (w *world) site(scheme string, content http.Handler) *site {
	return w.serve("127.0.0.1", scheme, true, content)
}

// plainSite starts one without TLS at http://127.0.0.1:PORT.
func (w *world) plainSite(scheme string, content http.Handler) *site {
	return w.serve("127.0.0.1", scheme, false, content)
}

// stranger starts somebody else's server, which demands a token as well, at
// https://127.0.0.2:PORT. The test fails if it receives a credential.
func (w *world) stranger(scheme string, content http.Handler) *site {
	w.t.Helper()
	return w.serve("127.0.0.2", scheme, true, content).mustGetNothing()
}

// otherPort is a stranger on the same host, for tools that need a host name.
func (w *world) otherPort(scheme string, content http.Handler) *site {
	w.t.Helper()
	return w.serve("127.0.0.1", scheme, true, content).mustGetNothing()
}

func (s *site) mustGetNothing() *site {
	s.world.t.Cleanup(func() { s.gotNothing(s.world.t) })
	return s
}

// gotNothing fails if a request since forgetSeen brought a credential.
func (s *site) gotNothing(t *testing.T) {
	t.Helper()
	for _, r := range s.requests() {
		if r.token != "" {
			t.Errorf("%s got a credential: %v", s.URL, r)
		}
	}
}

func (w *world) serve(address, scheme string, secure bool, content http.Handler) *site {
	w.t.Helper()
	s := &site{world: w, scheme: scheme}
	listener, err := net.Listen("tcp4", address+":0")
	if err != nil {
		w.t.Fatal(err)
	}
	s.Server = httptest.NewUnstartedServer(s.guard(content))
	s.Listener.Close()
	s.Listener = listener
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the tests break connections on purpose
	if secure {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		s.StartTLS()
	} else {
		s.Start()
	}
	if secure && address == "127.0.0.1" {
		s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	}
	w.t.Cleanup(func() {
		s.Close()
		for _, r := range s.requests() {
			w.t.Logf("%s saw: %v", s.URL, r)
		}
	})
	return s
}

// Host returns host:port.
func (s *site) Host() string {
	_, host, _ := strings.Cut(s.URL, "://")
	return host
}

// guard passes requests that are open or have a valid token, and records every request.
func (s *site) guard(content http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := seen{method: r.Method, target: r.URL.RequestURI(), authorization: r.Header.Get("Authorization")}
		if user, password, ok := r.BasicAuth(); ok && s.scheme == "Basic" {
			got.user, got.token = user, password
		} else if token, ok := strings.CutPrefix(got.authorization, "Bearer "); ok && s.scheme == "Bearer" {
			got.token = token
		}
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		switch {
		case s.open != nil && s.open(r), got.token != "" && s.world.good(got.token):
			content.ServeHTTP(answer, r)
		default:
			challenge := s.scheme + ` realm="tools"`
			if got.token != "" && s.scheme == "Bearer" {
				challenge += `, error="invalid_token"`
			}
			answer.Header().Set("WWW-Authenticate", challenge)
			http.Error(answer, "a good token, please", http.StatusUnauthorized)
		}
		got.status = answer.status
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen = append(s.seen, got)
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (s *site) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.seen...)
}

// forgetSeen clears the record.
func (s *site) forgetSeen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.seen {
		s.world.t.Logf("%s saw: %v", s.URL, r)
	}
	s.seen = nil
}

// served returns how many requests had a valid token, and fails if none had: a test that
// reached nothing has shown nothing.
func (s *site) served(t *testing.T) int {
	t.Helper()
	n := 0
	for _, r := range s.requests() {
		if r.token != "" && r.status < 400 {
			n++
		}
	}
	if n == 0 {
		t.Errorf("%s answered no request that brought the token", s.URL)
	}
	return n
}

// refused returns how many requests were refused.
func (s *site) refused() int {
	n := 0
	for _, r := range s.requests() {
		if r.status == http.StatusUnauthorized {
			n++
		}
	}
	return n
}

// asked fails unless the server got a request: that a stranger got no token means nothing if
// nobody asked it.
func (s *site) asked(t *testing.T) {
	t.Helper()
	if len(s.requests()) == 0 {
		t.Errorf("%s was never asked", s.URL)
	}
}
