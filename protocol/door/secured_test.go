package door

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// secured serves a handler behind a door's listener with TLS.
func secured(t *testing.T, handler http.Handler) (address string, trusted *tls.Config) {
	t.Helper()
	model := httptest.NewTLSServer(nil)
	t.Cleanup(model.Close)
	under, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Listener{Listener: under, Check: func(net.Conn) (Peer, error) { return Peer{}, nil }, TLS: &tls.Config{Certificates: model.TLS.Certificates}}
	server := NewServer(handler)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	return under.Addr().String(), model.Client().Transport.(*http.Transport).TLSClientConfig
}

// TestPlainAtTLS: a client that speaks plain HTTP to a door with TLS reads one answer
// that says so, however much it has sent; a client that speaks something else reads none.
func TestPlainAtTLS(t *testing.T) {
	address, trusted := secured(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := PeerOf(r.Context()); !ok || !p.TLS {
			t.Error("the handler does not know of the TLS")
		}
		_, _ = io.WriteString(w, "hello")
	}))
	head := "POST /rest/oauth/token HTTP/1.1\r\nHost: " + address + "\r\nContent-Length: 60000\r\n\r\n"
	for name, c := range map[string]struct {
		sent     string
		answered bool
	}{
		"a short request":    {"GET / HTTP/1.1\r\n\r\n", true},
		"a long one":         {head + strings.Repeat("x", 60000), true},
		"a long method":      {"PROPFIND / HTTP/1.1\r\n\r\n", true},
		"something binary":   {"\x00\x01\x02\x03\x04\x05\x06", false},
		"a greeting of SMTP": {"ehlo localhost\r\n", false},
		"PROXY protocol 2":   {"\r\n\r\n\x00\r\nQUIT\n", false},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, c.sent)
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if c.answered != (strings.HasPrefix(string(answer), "HTTP/1.1 400 ") && strings.Count(string(answer), "HTTP/1.1") == 1 && strings.Contains(string(answer), "https://")) {
			t.Errorf("%s: %q", name, answer)
		}
	}
	conn, err := tls.Dial("tcp", address, trusted)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+address+"\r\nConnection: close\r\n\r\n")
	if answer, _ := io.ReadAll(conn); !strings.HasSuffix(string(answer), "hello") {
		t.Errorf("with TLS: %q", answer)
	}
}

// TestTLSPasses: with TLS as without it, an upgraded connection passes bytes both ways, and
// a redirect within the API leads back to the door, by https.
func TestTLSPasses(t *testing.T) {
	s := newScene(t)
	s.answers = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			w.Header().Set("Location", s.api.URL+"/next")
			w.WriteHeader(http.StatusFound)
			return
		}
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		c, rw, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.CopyN(c, rw, 7)
			c.Close()
		}
	}
	s.handler.Host = func(string) bool { return true }
	address, trusted := secured(t, s.handler)
	ask := func(request string) (net.Conn, *bufio.Reader, *http.Response) {
		c, err := tls.Dial("tcp", address, trusted)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(hangs))
		_, _ = io.WriteString(c, strings.ReplaceAll(strings.ReplaceAll(request, "\n", "\r\n"), "HOST", address))
		back := bufio.NewReader(c)
		answer, err := http.ReadResponse(back, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c, back, answer
	}
	if _, _, a := ask("GET /x HTTP/1.1\n" + bearerLine + "\n"); a.Header.Get("Location") != "https://"+address+"/next" {
		t.Errorf("the redirect leads to %q", a.Header.Get("Location"))
	}
	c, back, a := ask("GET /socket HTTP/1.1\n" + bearerLine + "Connection: Upgrade\nUpgrade: websocket\n\n")
	if a.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(a.Status)
	}
	_, _ = io.WriteString(c, "\x81\x05\nabc\n")
	if frame, err := io.ReadAll(back); err != nil || string(frame) != "\x81\x05\nabc\n" {
		t.Errorf("%q, %v", frame, err)
	}
}

// TestHandshakeTime (D12): a handshake that does not go on ends with the 10 s in which a
// guest has to prove who it is.
func TestHandshakeTime(t *testing.T) {
	model := httptest.NewTLSServer(nil)
	certificates := model.TLS.Certificates
	model.Close()
	synctest.Test(t, func(t *testing.T) {
		from := make(pipes)
		l := &Listener{Listener: from, Check: func(net.Conn) (Peer, error) { return Peer{}, nil }, TLS: &tls.Config{Certificates: certificates}}
		ours, theirs := accepted(t, l, from)
		began := time.Now()
		go func() { _, _ = ours.Read(make([]byte, 1)) }()
		_, _ = theirs.Write([]byte{0x16, 3, 1, 2, 0, 1})
		if !closed(theirs) || time.Since(began) != unknownTime {
			t.Errorf("it ended after %v", time.Since(began))
		}
	})
}

// watched is a connection that knows whether something was written after a moment.
type watched struct {
	net.Conn
	from, wrote atomic.Bool
}

func (c *watched) Write(b []byte) (int, error) {
	if c.from.Load() {
		c.wrote.Store(true)
	}
	return c.Conn.Write(b)
}

// TestCut (D12): to make room does not wait for a client that completed its handshake and
// then takes nothing, not even the end of TLS.
func TestCut(t *testing.T) {
	model := httptest.NewTLSServer(nil)
	defer model.Close()
	from := make(pipes)
	l := &Listener{Listener: from, Check: func(net.Conn) (Peer, error) { return Peer{}, nil },
		TLS: &tls.Config{Certificates: model.TLS.Certificates, SessionTicketsDisabled: true}}
	a, theirs := net.Pipe()
	under := &watched{Conn: a}
	go func() { from <- under }()
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	config := model.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = "example.com"
	client := tls.Client(theirs, config)
	go func() { _ = client.Handshake() }()
	if err := first.(*conn).Conn.(*tls.Conn).Handshake(); err != nil {
		t.Fatal(err)
	}
	under.from.Store(true)
	for range mostUnknown {
		accepted(t, l, from)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the oldest one is still open: %v", err)
	}
	if under.wrote.Load() {
		t.Error("it was told that TLS ends, which may take long")
	}
}
