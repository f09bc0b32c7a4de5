package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serving is a credhelper serve --stdio of a home without profiles.
type serving struct {
	*exec.Cmd
	t   *testing.T
	in  *os.File
	out *bufio.Reader
	raw *os.File
}

// startServing starts it, or a command that starts it as its child.
func startServing(t *testing.T, command ...string) *serving {
	t.Helper()
	if len(command) == 0 {
		command = []string{filepath.Join(bin, "credhelper"), "serve", "--stdio"}
	}
	s := &serving{Cmd: exec.Command(command[0], command[1:]...), t: t}
	home := newHome(t)
	s.Env = []string{"CREDHELPER_HOME=" + home, "CREDHELPER_ETC=none", "HOME=" + home, "PATH=/usr/bin:/bin", "BIN=" + bin}
	s.Stderr = os.Stderr
	requests, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, replies, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdin, s.Stdout, s.in, s.raw, s.out = requests, replies, in, out, bufio.NewReader(out)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	requests.Close()
	replies.Close()
	t.Cleanup(func() { in.Close(); out.Close(); _ = s.Process.Kill(); _ = s.Wait() })
	s.asks()
	return s
}

// asks sends one request and waits for its reply.
func (s *serving) asks() {
	s.t.Helper()
	if _, err := io.WriteString(s.in, `{"id":1,"profile":"nobody"}`+"\n"); err != nil {
		s.t.Fatal(err)
	}
	line, err := s.out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, `{"id":1,"error":{"code":3,"kind":"unknown_name",`) {
		s.t.Fatalf("%q, %v", line, err)
	}
}

// ends waits until nobody has its stdout open any more.
func (s *serving) ends() {
	s.t.Helper()
	if err := s.raw.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	if rest, err := io.ReadAll(s.out); err != nil || len(rest) > 0 {
		s.t.Errorf("%q, %v", rest, err)
	}
}

// TestServeEndsWithItsHost (T20): it does not outlive the program that started it, even if
// another process has the pipe of its stdin open.
func TestServeEndsWithItsHost(t *testing.T) {
	s := startServing(t, "/bin/sh", "-c", `exec 3<&0; "$BIN/credhelper" serve --stdio <&3 3<&- & wait`)
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.ends()
}

// TestServeSignals: SIGTERM and SIGHUP end it; a terminal's SIGINT is left to the program.
func TestServeSignals(t *testing.T) {
	for _, ending := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		s := startServing(t)
		if err := s.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		s.asks()
		if err := s.Process.Signal(ending); err != nil {
			t.Fatal(err)
		}
		s.ends()
		if err := s.Wait(); err != nil {
			t.Errorf("%v: %v", ending, err)
		}
	}
}

// TestServeNoReader: if nobody reads its stdout any more it exits with 1, like any filter
// whose reader has ended, and prints nothing.
func TestServeNoReader(t *testing.T) {
	stderr, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	s := startServing(t, "/bin/sh", "-c", `exec "$BIN/credhelper" serve --stdio 2>`+stderr.Name())
	s.raw.Close()
	if _, err := io.WriteString(s.in, `{"id":1,"profile":"nobody"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := s.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	if said, err := io.ReadAll(stderr); err != nil || len(said) > 0 {
		t.Errorf("%q, %v", said, err)
	}
}

// TestServeEnd: at the end of stdin it exits with 0.
func TestServeEnd(t *testing.T) {
	s := startServing(t)
	s.in.Close()
	s.ends()
	if err := s.Wait(); err != nil {
		t.Error(err)
	}
}
