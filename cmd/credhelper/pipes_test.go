//go:build linux

package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// How tools use their pipes. What they send is tested by the vectors of package protocol.

const gitRequest = "protocol=https\nhost=api.example.com\n\n"

// fillsPassword fails unless git's answer contains a token that the server issued.
func fillsPassword(t testing.TB, what string, s *server, r result) {
	t.Helper()
	_, rest, _ := strings.Cut(r.stdout, "\npassword=")
	token, _, _ := strings.Cut(rest, "\n")
	if r.code != 0 || r.stderr != "" || !s.knows(token) {
		t.Errorf("%s: exit %d, %d bytes, %s", what, r.code, len(r.stdout), r.stderr)
	}
}

// bothStates runs a test with a home whose token the front gives, and with one without a
// token, for which the engine gets what the front has read.
func bothStates(t *testing.T, run func(t *testing.T, s *server, h *program.Home)) {
	t.Run("hit", func(t *testing.T) {
		s := newServer(t)
		run(t, s, warmHome(t, s))
	})
	t.Run("miss", func(t *testing.T) {
		s := newServer(t)
		run(t, s, coldHome(t, s))
	})
}

// coldHome returns a home without a token.
func coldHome(t testing.TB, s *server) *program.Home {
	t.Helper()
	h := newHome(t, s)
	if err := h.Empty(); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestByteByByte: a request may arrive one byte at a time.
func TestByteByByte(t *testing.T) {
	bothStates(t, func(t *testing.T, s *server, h *program.Home) {
		cmd := h.Command("git-credential-credhelper", "get")
		cmd.Stdin = &slowly{text: gitRequest}
		fillsPassword(t, "byte by byte", s, finish(t, cmd))
	})
}

// slowly returns one byte every millisecond.
type slowly struct{ text string }

func (r *slowly) Read(p []byte) (int, error) {
	if r.text == "" || len(p) == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Millisecond)
	p[0], r.text = r.text[0], r.text[1:]
	return 1, nil
}

// TestPipeStaysOpen (R3): a request that ends with an empty line is answered although
// the pipe stays open. A dialect that reads to the end of the stream reports after 2 s that
// the request is incomplete.
func TestPipeStaysOpen(t *testing.T) {
	bothStates(t, func(t *testing.T, s *server, h *program.Home) {
		cmd := h.Command("git-credential-credhelper", "get")
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		defer write.Close()
		if _, err := io.WriteString(write, gitRequest); err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = read
		fillsPassword(t, "a pipe that stays open", s, finish(t, cmd))
	})
}

// TestCargoPipe: cargo keeps its pipe open until it has read our line, and sends
// further requests on it. The greeting comes before any request.
func TestCargoPipe(t *testing.T) {
	bothStates(t, func(t *testing.T, s *server, h *program.Home) {
		cmd := h.Command("--cargo-plugin")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		if !lines.Scan() || lines.Text() != `{"v":[1]}` {
			t.Fatalf("the greeting is %q", lines.Text())
		}
		for _, operation := range []string{"read", "publish"} {
			more := ""
			if operation == "publish" {
				more = `,"name":"demo","vers":"1.0.0","cksum":"00"`
			}
			fmt.Fprintf(stdin, `{"v":1,"registry":{"index-url":"sparse+https://api.example.com/index/"},"kind":"get","operation":%q%s}`+"\n", operation, more)
			if !lines.Scan() {
				t.Fatalf("%s: no answer while the pipe is open", operation)
			}
			_, rest, _ := strings.Cut(lines.Text(), `"token":"Bearer `)
			if token, _, _ := strings.Cut(rest, `"`); !s.knows(token) {
				t.Errorf("%s: no token in %.80q", operation, lines.Text())
			}
		}
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestKubectlLeavesStdin: in an interactive kubectl, stdin belongs to the person,
// and not one byte of it is read.
func TestKubectlLeavesStdin(t *testing.T) {
	bothStates(t, func(t *testing.T, s *server, h *program.Home) {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		if _, err := io.WriteString(write, "the person's"); err != nil {
			t.Fatal(err)
		}
		cmd := h.Command("kubectl")
		cmd.Env = append(append([]string{}, cmd.Env...), `KUBERNETES_EXEC_INFO={"apiVersion":"client.authentication.k8s.io/v1",`+
			`"kind":"ExecCredential","spec":{"cluster":{"server":"https://api.example.com"},"interactive":true}}`)
		cmd.Stdin = read
		r := finish(t, cmd)
		_, rest, _ := strings.Cut(r.stdout, `"token":"`)
		if token, _, _ := strings.Cut(rest, `"`); r.code != 0 || !s.knows(token) {
			t.Errorf("exit %d: %s", r.code, r.stderr)
		}
		write.Close()
		if left, err := io.ReadAll(read); err != nil || string(left) != "the person's" {
			t.Errorf("of stdin is left %q, %v", left, err)
		}
	})
}

// TestToolsTogether (A22): 50 gits and 50 dockers on an empty cache make one token request,
// and all get its token. The gits are real, and run the helper themselves.
func TestToolsTogether(t *testing.T) {
	git := need(t, "git")
	s := newServer(t)
	s.slow(50 * time.Millisecond)
	h := coldHome(t, s)
	before := s.requests()
	fill := func() *exec.Cmd {
		cmd := exec.Command(git, "-c", "credential.helper=", "-c", "credential.helper="+bin+"/credhelper git", "credential", "fill")
		cmd.Env, cmd.Dir = append([]string{"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1"}, h.Env...), h.Dir
		cmd.Stdin = strings.NewReader(gitRequest)
		return cmd
	}
	get := func() *exec.Cmd {
		cmd := h.Command("docker-credential-credhelper", "get")
		cmd.Stdin = strings.NewReader("api.example.com")
		return cmd
	}
	const each = 50
	var commands [2 * each]*exec.Cmd
	var outs [2 * each]bytes.Buffer
	for i := range commands {
		commands[i] = fill()
		if i%2 == 1 {
			commands[i] = get()
		}
		commands[i].Stdout = &outs[i]
		if err := commands[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	tokens := map[string]int{}
	for i, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", cmd.Args[len(cmd.Args)-1], err)
		}
		before, after := "\npassword=", "\n"
		if i%2 == 1 {
			before, after = `"Secret":"`, `"`
		}
		_, rest, _ := strings.Cut(outs[i].String(), before)
		token, _, _ := strings.Cut(rest, after)
		tokens[token]++
		if !s.knows(token) {
			t.Errorf("no token in %.80q", outs[i].String())
		}
	}
	if n := s.requests() - before; n != 1 || len(tokens) != 1 {
		t.Errorf("%d token requests, want 1; %d different tokens, want 1", n, len(tokens))
	}
}

// TestMarkedTogether (A22): fifty gits hand back the state of one stale token, which is
// replaced once. A late report with the old mark gets the new token.
func TestMarkedTogether(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	old := finish(t, h.Command("token", "jama")).token()
	if err := h.Age("jama", time.Minute); err != nil {
		t.Fatal(err)
	}
	request := "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=api.example.com\n" +
		"state[]=credhelper:" + protocol.Mark(secret.New(old)) + "\n\n"
	before := s.requests()
	ask := func() string {
		cmd := h.Command("git-credential-credhelper", "get")
		cmd.Stdin = strings.NewReader(request)
		r := finish(t, cmd)
		_, rest, _ := strings.Cut(r.stdout, "\ncredential=")
		token, _, _ := strings.Cut(rest, "\n")
		if r.code != 0 || token == old || !s.knows(token) || strings.Contains(r.stdout, "continue=") {
			t.Errorf("exit %d: the refused token again, none, or an offer to go round: %s", r.code, r.stderr)
		}
		return token
	}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { ask() })
	}
	group.Wait()
	ask()
	if n := s.requests() - before; n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}
