package pooltest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a real redis-server on this machine.
type Server struct {
	Port  string
	cmd   *exec.Cmd
	ended chan struct{}
}

// StartServer starts a redis-server for one test, as Launch does.
func StartServer(t testing.TB, options ...string) *Server {
	t.Helper()
	s, err := Launch(t.TempDir(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Launch starts a redis-server in a directory with these options, such as "--requirepass",
// "x". It listens on 127.0.0.1 and keeps nothing. The word "PORT" is replaced by its port.
func Launch(dir string, options ...string) (*Server, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("redis-server is missing: apt-get install redis-server")
	}
	for range 5 { // another program may take the port meanwhile
		s := &Server{ended: make(chan struct{})}
		if s.Port, err = freePort(); err != nil {
			return nil, err
		}
		words := slices.Clone(options)
		for i, word := range words {
			if word == "PORT" {
				words[i] = s.Port
			}
		}
		s.cmd = exec.Command(path, append([]string{"--port", s.Port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir}, words...)...)
		s.cmd.SysProcAttr = dies()
		output := &readyWatch{done: make(chan struct{})}
		s.cmd.Stdout = output
		if err := s.cmd.Start(); err != nil {
			return nil, err
		}
		go func() { _ = s.cmd.Wait(); close(s.ended) }()
		select {
		case <-output.done:
			return s, nil
		case <-s.ended: // its port was taken
		}
	}
	return nil, errors.New("redis-server does not start")
}

// readyWatch closes done when the server says that it listens. That its port answers would not
// do: it may be another program that has taken it meanwhile.
type readyWatch struct {
	text []byte
	done chan struct{}
	once sync.Once
}

func (l *readyWatch) Write(b []byte) (int, error) {
	if l.text = append(l.text, b...); bytes.Contains(l.text, []byte("Ready to accept connections")) {
		l.once.Do(func() { close(l.done) })
		l.text = nil
	}
	return len(b), nil
}

// Close ends the server, also one that is stopped.
func (s *Server) Close() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// Signal sends a signal: SIGSTOP makes the server silent, SIGCONT lets it go on.
func (s *Server) Signal(signal syscall.Signal) { _ = s.cmd.Process.Signal(signal) }

// Kill ends the server: it refuses connections.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.Port)
		if err != nil {
			return
		}
		_ = conn.Close()
		time.Sleep(time.Millisecond)
	}
}

// Address is that of the server without TLS.
func (s *Server) Address() string { return "redis://127.0.0.1:" + s.Port }

// Do runs a command with redis-cli, and returns what it prints.
func (s *Server) Do(t testing.TB, words ...string) string {
	t.Helper()
	out, err := exec.Command("redis-cli", append([]string{"-p", s.Port, "--no-auth-warning"}, words...)...).CombinedOutput()
	if err != nil || strings.HasPrefix(string(out), "ERR ") {
		t.Fatalf("redis-cli %v: %v: %s", words, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// Put is Do with a value of any bytes as the last word.
func (s *Server) Put(t testing.TB, value string, words ...string) {
	t.Helper()
	cmd := exec.Command("redis-cli", append([]string{"-p", s.Port, "--no-auth-warning", "-x"}, words...)...)
	cmd.Stdin = strings.NewReader(value)
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "ERR ") {
		t.Fatalf("redis-cli %v: %v: %s", words, err, out)
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port), nil
}
