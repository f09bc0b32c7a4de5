package oauth_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// machine listens on a loopback address and plays each connection, which ends with
// the play.
func machine(t *testing.T, play func(net.Conn)) (address string, count *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	count = new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			go func() { defer conn.Close(); play(conn) }()
		}
	}()
	return listener.Addr().String(), count
}

// says is a play that reads the head of a request, answers and reads on: a close
// with unread bytes behind it would be a reset, which can overtake the answer.
func says(answer string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, answer)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}
}

// socks is a play of RFC 1928: a method, and then answers to what follows.
func socks(answers ...string) func(net.Conn) {
	return func(c net.Conn) {
		b := make([]byte, 512)
		for _, a := range answers {
			if _, err := c.Read(b); err != nil {
				return
			}
			_, _ = io.WriteString(c, a)
		}
		_, _ = io.Copy(io.Discard, c)
	}
}

// expiring is a context whose deadline passes when the test says so.
type expiring struct {
	context.Context
	done chan struct{}
}

func (e expiring) Done() <-chan struct{} { return e.done }
func (e expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestProxySaysNo (A6, T8): what a proxy refuses, and what breaks on the way to it,
// is told of the proxy and not of the server, without its password; a wrong
// password is sent once.
func TestProxySaysNo(t *testing.T) {
	const user = "user:pr0xy-p4ss@"
	own := newServer(t, oauthtest.Options{Certificate: "good"})
	ended := make(chan struct{})
	for _, c := range []struct {
		name, scheme, user string
		play               func(net.Conn)
		kind               oauth.Kind
		tries              int
		says, hint         string
	}{
		{"407, nothing shown", "http://", "", says("HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\n" + canary[:3]), oauth.Refused, 1, "407: the proxy HOST wants a user name and password", "HTTPS_PROXY"},
		{"407, a password shown", "http://", user, says("HTTP/1.1 407 No\r\n\r\n"), oauth.Refused, 1, "407: the proxy HOST refuses the user name or password", "percent-encoded"},
		{"403", "http://", user, says("HTTP/1.1 403 No\r\n\r\n"), oauth.Refused, 1, "403: the proxy HOST refuses to connect to the server", "proxy"},
		{"302 to a page", "http://", "", says("HTTP/1.1 302 Found\r\nLocation: http://hotel.example\r\n\r\n"), oauth.Unreachable, 1, "302: the proxy HOST lets no connection through", "sign-in"},
		{"511", "http://", "", says("HTTP/1.1 511 Sign in\r\n\r\n"), oauth.Unreachable, 1, "511: the proxy HOST lets no connection through", "sign-in"},
		{"502", "http://", "", says("HTTP/1.1 502 Bad\r\n\r\n"), oauth.Unreachable, 4, "502: the proxy HOST reaches the server not now", "proxy"},
		{"closes", "http://", "", func(net.Conn) {}, oauth.Unreachable, 4, "the proxy HOST broke the connection off", "proxy"},
		{"no HTTP", "http://", "", says("SSH-2.0-OpenSSH_9.2\r\n"), oauth.Unreachable, 1, "the proxy HOST does not answer as a proxy", "proxy"},
		{"speaks http, not https", "https://", user, says("HTTP/1.1 400 Bad Request\r\n\r\n"), oauth.Untrusted, 1, "the proxy HOST does not speak TLS", "http://"},
		{"https with an unknown certificate", "https://", user, nil, oauth.Untrusted, 1, "the proxy HOST's certificate is signed by an unknown CA", "proxy"},
		{"SOCKS refuses the password", "socks5://", user, socks("\x05\x02", "\x01\x01"), oauth.Refused, 1, "407: the proxy HOST refuses the user name or password", "percent-encoded"},
		{"SOCKS wants a password", "socks5://", "", socks("\x05\xff"), oauth.Refused, 1, "407: the proxy HOST wants a user name and password", "percent-encoded"},
		{"SOCKS forbids it", "socks5://", "", socks("\x05\x00", "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"), oauth.Unreachable, 4, "the proxy HOST lets no connection through", "proxy"},
		{"silent", "http://", user, func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			close(ended)
			_, _ = io.Copy(io.Discard, c)
		}, oauth.Unreachable, 1, "the proxy HOST did not answer in time", "proxy"},
		{"through it, another server", "http://", "", tunnel(own), oauth.Untrusted, 1, "the server's certificate is for another host", "address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, count := "", new(atomic.Int32)
			if c.play == nil {
				address = strings.TrimPrefix(own.URL(), "https://")
			} else {
				address, count = machine(t, c.play)
			}
			client, server, _ := retrying(t)
			client.Timeout, client.TokenURL, client.HTTP = time.Hour, "https://login.example.com/token", viaProxy(t, c.scheme+c.user+address)
			ctx := t.Context()
			if c.name == "silent" {
				ctx = expiring{ctx, ended}
			}
			_, err := client.Token(ctx)
			var e *oauth.Error
			if !errors.As(err, &e) || e.Kind != c.kind || e.Tries != c.tries {
				t.Fatalf("got %v (%+v), want %v after %d tries", err, e, c.kind, c.tries)
			}
			if want := strings.ReplaceAll(c.says, "HOST", address); !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pr0xy") {
				t.Errorf("got %q, want %q", err, want)
			}
			wantOneCleanLine(t, err.Error())
			if hint := oauth.HintFor(err, "jama", nil); !strings.Contains(hint, c.hint) {
				t.Errorf("hint %q, want %q", hint, c.hint)
			}
			if n := int(count.Load()); c.play != nil && n != c.tries || server.Connections() != 0 {
				t.Errorf("%d connections to the proxy, %d past it", n, server.Connections())
			}
			if want := e.Status == http.StatusProxyAuthRequired; (e.Hold() > 2*time.Second) != want {
				t.Errorf("held back for %v, want %v", e.Hold(), want)
			}
		})
	}
}

// tunnel is a proxy that connects everybody to one server.
func tunnel(server *oauthtest.Server) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		there, err := net.Dial("tcp", strings.TrimPrefix(server.URL(), "https://"))
		if err != nil {
			return
		}
		defer there.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(there, c); there.Close() }()
		_, _ = io.Copy(c, there)
	}
}

// TestDeadProxy: a proxy that is not there is named, and the server is not blamed.
func TestDeadProxy(t *testing.T) {
	client, _, clock := retrying(t)
	client.TokenURL, client.HTTP = "https://login.example.com/token", viaProxy(t, "http://127.0.0.1:1")
	_, err := client.Token(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no connection to the proxy 127.0.0.1:1: connection refused") || len(clock.waits) != 3 {
		t.Errorf("got %v after waits %v", err, clock.waits)
	}
}
