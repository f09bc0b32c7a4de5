package helper_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
)

// wire is a network in memory, for tests in a synctest bubble: time passes only
// where everybody waits, so that nothing depends on the machine's speed.
type wire struct {
	breaks  breakage
	healthy atomic.Bool  // nothing breaks
	dialled atomic.Int32 // connections that were wanted
	server  *tls.Config
}

// breakage is one way for the network to break; a zero member breaks nothing.
type breakage struct {
	proxy  string                       // HTTPS_PROXY
	dial   func(context.Context) error  // in the place of a connection
	raw    func(*hung)                  // has the connection before TLS
	answer func(*hung, *http.Request)   // has the connection when a request has come
	tunnel func(c net.Conn) (goOn bool) // a proxy's answer to CONNECT
}

// hung is the server's end of a connection.
type hung struct {
	net.Conn
	cut func() // ends it as a reset does
}

// forever holds the connection until the client has enough.
func (h *hung) forever() { _, _ = io.Copy(io.Discard, h) }

// end is one end of a connection in memory. It takes all that is written at once, as
// a socket does, and fails as one.
type end struct {
	in, out *stream
}

// stream is one direction.
type stream struct {
	mu     sync.Mutex
	bytes  []byte
	failed error // after the bytes
	wake   chan struct{}
}

func connection() (near, far end) {
	there, back := &stream{wake: make(chan struct{}, 1)}, &stream{wake: make(chan struct{}, 1)}
	return end{in: back, out: there}, end{in: there, out: back}
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stream) take(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := copy(b, s.bytes)
	if s.bytes = s.bytes[n:]; n > 0 {
		return n, nil
	}
	return 0, s.failed
}

func (e end) Read(b []byte) (int, error) {
	for {
		if n, err := e.in.take(b); n > 0 || err != nil || len(b) == 0 {
			e.in.signal() // for whoever else reads, and to see the end again
			return n, err
		}
		<-e.in.wake
	}
}

func (e end) Write(b []byte) (int, error) {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	if e.out.failed != nil {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
	}
	e.out.bytes = append(e.out.bytes, b...)
	e.out.signal()
	return len(b), nil
}

func (e end) Close() error {
	e.out.fail(io.EOF)
	e.in.fail(net.ErrClosed)
	return nil
}

func (e end) reset() {
	e.out.fail(&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET})
	e.in.fail(net.ErrClosed)
}

func (e end) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (e end) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (e end) SetDeadline(time.Time) error      { return nil }
func (e end) SetReadDeadline(time.Time) error  { return nil }
func (e end) SetWriteDeadline(time.Time) error { return nil }

// newWire makes a network whose server has a certificate of the returned authority.
func newWire(t *testing.T, b breakage) (w *wire, rootsPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wire"}, DNSNames: []string{"login.example.com", "proxy.example.com"},
		// A bubble's clock begins in the year 2000.
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	w = &wire{breaks: b, server: &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"http/1.1"},
	}}
	return w, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// http is what a Config's HTTP is: the product's own client on this network.
func (w *wire) http(o oauth.HTTPOptions) (*http.Client, error) {
	client, err := oauth.NewHTTPClient(o)
	if err != nil {
		return nil, err
	}
	limit := o.Connect
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return w.dial(ctx)
	}
	return client, nil
}

func (w *wire) dial(ctx context.Context) (net.Conn, error) {
	w.dialled.Add(1)
	if w.breaks.dial != nil && !w.healthy.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: w.breaks.dial(ctx)}
	}
	near, far := connection()
	go w.serve(&hung{far, far.reset})
	return near, nil
}

// serve is the server, with its proxy in front.
func (w *wire) serve(c *hung) {
	defer c.Close()
	b := w.breaks
	if w.healthy.Load() {
		b = breakage{proxy: b.proxy}
	}
	if b.proxy != "" {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		if b.tunnel != nil && !b.tunnel(c) {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	}
	if b.raw != nil {
		b.raw(c)
		return
	}
	over := tls.Server(c, w.server)
	r, err := http.ReadRequest(bufio.NewReader(over))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if b.answer != nil {
		b.answer(&hung{over, c.cut}, r)
		return
	}
	_, _ = io.WriteString(over, goodAnswer(r.URL.Path))
	over.Close()
}

func goodAnswer(path string) string {
	body := `{"access_token":"fresh","token_type":"Bearer","expires_in":3600,"refresh_token":"next"}`
	if path == "/device" {
		body = `{"device_code":"d","user_code":"U","verification_uri":"https://login.example.com/d","expires_in":900,"interval":5}`
	}
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body
}
