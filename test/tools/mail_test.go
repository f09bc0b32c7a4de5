//go:build tools

package tools

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// mailServer is an SMTP server over TLS that accepts mail from clients with the token, by
// OAUTHBEARER (RFC 7628) or XOAUTH2.
type mailServer struct {
	world *world
	port  string
	mu    sync.Mutex
	taken int
}

func (w *world) mailServer() *mailServer {
	w.t.Helper()
	listener, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		w.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	m := &mailServer{world: w, port: port}
	var all sync.WaitGroup
	w.t.Cleanup(func() { listener.Close(); all.Wait() })
	all.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { m.talk(connection) })
		}
	})
	return m
}

func (m *mailServer) talk(c net.Conn) {
	defer c.Close()
	lines := bufio.NewScanner(c)
	say := func(text string) { fmt.Fprintf(c, "%s\r\n", text) }
	say("220 tools ESMTP")
	good := false
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		switch verb := strings.ToUpper(words[0]); {
		case verb == "EHLO":
			say("250-tools")
			say("250 AUTH XOAUTH2 OAUTHBEARER")
		case verb == "AUTH" && len(words) > 1:
			if len(words) == 2 {
				say("334 ")
				lines.Scan()
				words = append(words, lines.Text())
			}
			if good = m.check(words[1], words[2]); good {
				say("235 welcome")
			} else {
				say("535 no")
			}
		case verb == "MAIL" && !good:
			say("530 who are you")
		case verb == "DATA":
			say("354 go on")
			for lines.Scan() && lines.Text() != "." {
			}
			m.mu.Lock()
			m.taken++
			m.mu.Unlock()
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// check reads "user=U^Aauth=Bearer TOKEN^A^A", and the same after the header of RFC 7628.
func (m *mailServer) check(mechanism, text string) bool {
	decoded, _ := base64.StdEncoding.DecodeString(text)
	for _, field := range strings.Split(string(decoded), "\x01") {
		if token, ok := strings.CutPrefix(field, "auth=Bearer "); ok {
			good := m.world.good(token)
			m.world.t.Logf("the mail server saw: AUTH %s Bearer %.12s... (%d bytes), good: %v", mechanism, token, len(token), good)
			return good
		}
	}
	m.world.t.Logf("the mail server saw: AUTH %s %q", mechanism, decoded)
	return false
}

// TestMsmtp: a mail program gets the token as a password from a command.
func TestMsmtp(t *testing.T) {
	for _, mechanism := range []string{"oauthbearer", "xoauth2"} {
		t.Run(mechanism, func(t *testing.T) {
			w := newWorld(t)
			m := w.mailServer()
			w.profile("work", "smtps://localhost:"+m.port)
			_, password, ok := strings.Cut(w.printed("msmtp", "work"), "\npasswordeval ")
			password, _, _ = strings.Cut("passwordeval "+password, "\n")
			if !ok {
				t.Fatal("setup prints no passwordeval")
			}
			w.write(".msmtprc", "account default\nhost localhost\nport "+m.port+"\nfrom me@example.com\nuser me@example.com\n"+
				"tls on\ntls_starttls off\ntls_trust_file "+authorityFile()+"\n"+
				"auth "+mechanism+"\n"+password+"\n")
			t.Log(strings.SplitN(w.ok(nil, "msmtp", "--version"), "\n", 2)[0])
			w.ok(input("Subject: hello\n\ntext\n"), "msmtp", "you@example.com")
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.taken != 1 {
				t.Errorf("%d mails were taken", m.taken)
			}
			w.requests(1)
		})
	}
}
