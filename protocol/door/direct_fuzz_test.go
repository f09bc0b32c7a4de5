package door

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// FuzzDirectAnswers: whatever is sent on a connection, in pieces of whichever size, direct
// answers, logs and asks for what net/http's server would.
func FuzzDirectAnswers(f *testing.F) {
	for _, text := range odd(f) {
		f.Add(text, uint16(4096))
		f.Add(text+text, uint16(7))
	}
	f.Fuzz(func(t *testing.T, text string, size uint16) {
		synctest.Test(t, func(t *testing.T) {
			got := said(t, text, int(size)+1, func(h *Handler) http.Handler { return h })
			want := said(t, text, int(size)+1, func(h *Handler) http.Handler { return http.HandlerFunc(h.ServeHTTP) })
			if got != want {
				t.Errorf("%q\nin pieces of %d: %s\nby net/http: %s", text, size+1, got, want)
			}
		})
	})
}

// odd returns token requests that are special in one way each, followed by a plain one.
func odd(f *testing.F) (texts []string) {
	plain := strings.ReplaceAll(strings.ReplaceAll(tokenRequest(basicLine, tokenForm), "\n", "\r\n"), "HOST", "h")
	with := func(old, text string) { texts = append(texts, strings.Replace(plain, old, text, 1)+plain) }
	for _, target := range []string{"/oauth/%74oken", "/oauth/token?", "/oauth/token?a", "/oauth/token#a", "http://h/oauth/token", "http://x/oauth/token",
		"//oauth/token", "/oauth/token/", "/OAUTH/token", "*", "/oauth/token%", "/oauth/tok\xffen", "/msi/token", "/a"} {
		with("/oauth/token", target)
	}
	for _, field := range []string{"Host: x", "Host: h:80", "Host: H", "Host: h,h", "Host:  h", "Host: h\r\nhost: h", "Host: h\r\nConnection: close",
		"Host: h\r\nConnection: keep-alive\r\nConnection: close", "Host: h\r\nConnection: keep-alive, close", "Host: h\r\nConnection:", "Host: h\r\nExpect: 100-continue",
		"Host: h\r\nUpgrade: x", "Host: h\r\nOrigin: x", "Host: h\r\nTE: trailers", "Host: h\r\nSecret: x", "Host: h\r\nX: \t"} {
		with("Host: h", field)
	}
	for _, kind := range []string{"Application/X-WWW-Form-Urlencoded", formType + "; charset=utf-16", formType + ";charset", formType + ", text/plain", "text/plain", ""} {
		with(formType, kind)
	}
	for _, form := range []string{"", credentials[1:], tokenForm + "&scope=read", tokenForm + "&scope=%ff", tokenForm + "&scope=%zz", tokenForm + ";a=b",
		tokenForm + "&" + tokenForm, tokenForm + "&client_id=\xff", strings.Repeat("a=b&", 70), strings.Repeat("x", formLimit+1)} {
		with("29\r\n\r\n"+tokenForm, strconv.Itoa(len(form))+"\r\n\r\n"+form)
	}
	for _, length := range []string{"28", "30", "029", "0"} {
		with("Length: 29", "Length: "+length)
	}
	with("HTTP/1.1", "HTTP/1.0")
	for _, row := range headRows(f) {
		texts = append(texts, strings.ReplaceAll(strings.ReplaceAll(row.head, "HOST", "h"), " /a ", " /oauth/token "))
	}
	return texts
}

// said returns what a door says on a connection on which a text comes in pieces of a size,
// and what it logs and asks for. A request with a wrong Host, or that is none, is the last
// one and has one of two answers.
func said(t *testing.T, text string, size int, of func(*Handler) http.Handler) string {
	s := &scene{t: t}
	h := &Handler{
		Answerer: s,
		Admit: func(_ context.Context, c Claim) (*Guest, error) {
			if c.Secret.Reveal() != localSecret || c.ID != "" && c.ID != "lend-jci" {
				return nil, ErrClaim
			}
			return &Guest{Name: "jci", Profile: "jama", Narrow: func(n protocol.Narrowing) (protocol.Narrowing, error) { return n, nil },
				Issue: func(n protocol.Narrowing, ends int64) (secret.Text, int64, error) {
					return secret.New(fmt.Sprintf("chd_%q", n)), ends, nil
				}}, nil
		},
		TokenPath: func(path string) bool { return path == "/oauth/token" },
		Host:      func(host string) bool { return host == "h" },
		Log:       func(e Event) { s.events = append(s.events, e) },
		Now:       time.Now,
		Sleep:     func(context.Context, time.Duration) {},
	}
	server, from, c := NewServer(of(h)), make(pipes), &script{text: text, size: size, ended: make(chan struct{})}
	server.ErrorLog = log.New(io.Discard, "", 0)
	go func() {
		_ = server.Serve(&Listener{Listener: from, Check: func(net.Conn) (Peer, error) { return Peer{}, nil }})
	}()
	from <- c
	<-c.ended
	server.Close()
	lines, got := bufio.NewReader(&c.wrote), ""
	for {
		r, err := http.ReadResponse(lines, nil)
		if err != nil || r.StatusCode == http.StatusMisdirectedRequest || r.Header.Get("Content-Type") == "text/plain; charset=utf-8" {
			break
		}
		r.Header.Del("Date")
		got += fmt.Sprintln(r.Status, r.Header, r.Close, bodyOf(t, r))
	}
	events := told(s)
	delete(events, "falsethe Host field is not that of this door")
	return got + fmt.Sprint(events, s.asks)
}

// script is a connection whose other end sends a text in pieces of a size, and then its
// end.
type script struct {
	mu    sync.Mutex
	text  string
	size  int
	wrote bytes.Buffer
	once  sync.Once
	ended chan struct{}
}

func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.size)], s.text)
	s.text = s.text[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote.Write(p)
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.ended) })
	return nil
}

func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }
