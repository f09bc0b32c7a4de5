package oauthtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// behaviour is one misbehaviour that needs code. It has the connection for
// itself and closes it by returning.
type behaviour struct {
	name  string
	about string
	play  func(s *Server, conn net.Conn, a tokenRequest)
	early bool // the connection breaks before anything was read
}

// behaviours are all of them; the static ones are in answers/.
var behaviours = [...]behaviour{
	{name: "reset-early", about: "the connection is reset before the request", early: true},
	{name: "reset-late", about: "the connection is reset after the request was read", play: func(_ *Server, c net.Conn, _ tokenRequest) { reset(c) }},
	{name: "close-late", about: "the connection is closed without an answer", play: func(*Server, net.Conn, tokenRequest) {}},
	{name: "silence", about: "no answer, ever", play: func(s *Server, c net.Conn, _ tokenRequest) { s.hang(c) }},
	{name: "silent-body", about: "headers, and then nothing", play: silentBody},
	{name: "slow-body", about: "one byte a second", play: slowBody},
	{name: "endless-body", about: "a body without end", play: endlessBody},
	{name: "endless-token", about: "a token without end", play: endlessToken},
	{name: "kept-open", about: "a good answer on a connection that stays open", play: keptOpen},
	{name: "gzip-bomb", about: "16 MiB of blanks and a token in 16 KiB", play: gzipBomb},
	{name: "continue-flood", about: "100 Continue without end", play: flood("HTTP/1.1 100 Continue\r\n\r\n")},
	{name: "hints-flood", about: "103 Early Hints without end", play: flood("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")},
	{name: "header-flood", about: "headers without end", play: headerFlood},
	{name: "header-1mib", about: "one header of 1 MiB", play: bigHeader},
	{name: "headers-10000", about: "ten thousand headers", play: manyHeaders},
	{name: "slow-header", about: "one byte of the header a second", play: slowHeader},
}

// Behaviours are the names for Queue and Always, good behaviour first.
func Behaviours() []string {
	names := []string{"ok"}
	for _, b := range behaviours {
		names = append(names, b.name)
	}
	for _, a := range answers() {
		names = append(names, a.Name)
	}
	return names
}

func knownBehaviour(name string) bool {
	for _, n := range Behaviours() {
		if n == name {
			return true
		}
	}
	return false
}

// behaviour takes the next one off the queue.
func (s *Server) behaviour() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		name := s.queue[0]
		s.queue = s.queue[1:]
		return name
	}
	if s.always == "" {
		return "ok"
	}
	return s.always
}

// breaksEarly counts a connection and reports whether it is to break at once.
func (s *Server) breaksEarly() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	next := s.always
	if len(s.queue) > 0 {
		next = s.queue[0]
	}
	if next != "reset-early" {
		return false
	}
	if len(s.queue) > 0 {
		s.queue = s.queue[1:]
	}
	return true
}

// misbehave takes the connection over and does what the name says.
func (s *Server) misbehave(w http.ResponseWriter, name string, a tokenRequest) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.fault("no connection to misbehave on: %v", err)
		return
	}
	defer conn.Close()
	for _, b := range behaviours {
		if b.name == name && b.play != nil {
			b.play(s, conn, a)
			return
		}
	}
	for _, answer := range answers() {
		if answer.Name == name {
			_, _ = conn.Write(answer.render(s, a))
			finish(conn)
			return
		}
	}
}

// finish ends the answer and waits for the other side to see it: a close with
// unread bytes behind it would be a reset, which can overtake the answer.
func finish(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.Copy(io.Discard, conn)
}

// reset closes with RST instead of FIN.
func reset(conn net.Conn) {
	if wrapped, ok := conn.(*tls.Conn); ok {
		conn = wrapped.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// hang waits until the client goes away or the server ends.
func (s *Server) hang(conn net.Conn) {
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		close(gone)
	}()
	select {
	case <-gone:
	case <-s.ending:
	}
}

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

func silentBody(s *Server, conn net.Conn, _ tokenRequest) {
	fmt.Fprint(conn, okHead+"Content-Length: 100\r\n\r\n")
	s.hang(conn)
}

func slowBody(s *Server, conn net.Conn, a tokenRequest) {
	body := s.good(a)
	fmt.Fprintf(conn, okHead+"Content-Length: %d\r\n\r\n", len(body))
	s.drip(conn, body)
}

func slowHeader(s *Server, conn net.Conn, _ tokenRequest) { s.drip(conn, okHead+"\r\n") }

// drip writes one byte a second.
func (s *Server) drip(conn net.Conn, text string) {
	for i := range len(text) {
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-s.ending:
			return
		}
	}
}

// pour repeats a text until the client has enough of it.
func (s *Server) pour(conn net.Conn, text string) {
	w := bufio.NewWriterSize(conn, 64<<10)
	for {
		select {
		case <-s.ending:
			return
		default:
		}
		if _, err := w.WriteString(text); err != nil {
			return
		}
	}
}

func endlessBody(s *Server, conn net.Conn, _ tokenRequest) {
	fmt.Fprint(conn, okHead+"\r\n")
	s.pour(conn, strings.Repeat(" ", 4096))
}

func endlessToken(s *Server, conn net.Conn, _ tokenRequest) {
	fmt.Fprint(conn, okHead+"\r\n"+`{"access_token":"`)
	s.pour(conn, strings.Repeat("x", 4096))
}

func keptOpen(s *Server, conn net.Conn, a tokenRequest) {
	body := s.good(a)
	fmt.Fprintf(conn, okHead+"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n%s", len(body), body)
	s.hang(conn)
}

func gzipBomb(s *Server, conn net.Conn, a tokenRequest) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(bytes.Repeat([]byte(" "), 16<<20)) // a buffer never fails
	_, _ = io.WriteString(w, s.good(a))
	w.Close()
	fmt.Fprintf(conn, okHead+"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.String())
	finish(conn)
}

func flood(text string) func(*Server, net.Conn, tokenRequest) {
	return func(s *Server, conn net.Conn, _ tokenRequest) { s.pour(conn, text) }
}

func headerFlood(s *Server, conn net.Conn, _ tokenRequest) {
	fmt.Fprint(conn, okHead)
	s.pour(conn, "X-More: and more\r\n")
}

func bigHeader(s *Server, conn net.Conn, a tokenRequest) {
	body := s.good(a)
	fmt.Fprintf(conn, okHead+"X-Big: %s\r\nContent-Length: %d\r\n\r\n%s", strings.Repeat("x", 1<<20), len(body), body)
	finish(conn)
}

func manyHeaders(s *Server, conn net.Conn, a tokenRequest) {
	body := s.good(a)
	var head strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&head, "X-%d: 1\r\n", i)
	}
	fmt.Fprintf(conn, okHead+"%sContent-Length: %d\r\n\r\n%s", head.String(), len(body), body)
	finish(conn)
}

// good is a good answer of the plain kind.
func (s *Server) good(a tokenRequest) string {
	c, _ := s.client(a.id)
	token, seconds := s.issue(c, "")
	return fmt.Sprintf(`{"access_token":"%s","token_type":"Bearer","expires_in":%d}`, token, seconds)
}
