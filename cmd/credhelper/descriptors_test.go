//go:build linux

package main_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/internal/program"
)

// wholeAgain runs a call after a fault, which must work.
func wholeAgain(t testing.TB, what string, s *server, cmd *exec.Cmd) {
	t.Helper()
	if r := finish(t, cmd); r.code != 0 || !s.knows(r.token()) {
		t.Errorf("after %s the next call fails: exit %d, a token of %d bytes, %s", what, r.code, len(r.token()), r.stderr)
	}
}

// shell runs a line in which "$@" is a call of credhelper: only a shell closes descriptors
// before it starts a program.
func shell(t testing.TB, h *program.Home, line string, args ...string) *exec.Cmd {
	t.Helper()
	inner := h.Command(args...)
	cmd := exec.Command(need(t, "sh"), append([]string{"-c", line, "sh"}, inner.Args...)...)
	cmd.Env, cmd.Dir = inner.Env, inner.Dir
	return cmd
}

// odd lists how descriptors can be wrong. lost: the answer cannot be delivered, and the exit
// code must say so.
var odd = []struct {
	name, line string
	lost       bool
}{
	{"stdin closed", `exec "$@" <&-`, false},
	{"stdin is a directory", `exec "$@" </`, false},
	{"stdout closed", `exec "$@" >&-`, false}, // Go opens /dev/null in its place, so the program cannot know
	{"stdout full", `exec "$@" >/dev/full`, true},
	{"stdout read-only", `exec "$@" 1</dev/null`, true},
	{"stderr closed", `exec "$@" 2>&-`, false},
	{"stderr full", `exec "$@" 2>/dev/full`, false},
	{"stdout and stderr closed", `exec "$@" >&- 2>&-`, false},
	{"all closed", `exec "$@" <&- >&- 2>&-`, false},
}

// TestOddDescriptors (R10, F21): closed, full or unsuitable descriptors never crash the
// program and never make it write a token to a file that got descriptor 1. An answer that is
// lost is a failure, and state is saved before that.
func TestOddDescriptors(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	for _, o := range odd {
		for _, state := range []string{"hit", "miss"} {
			what := o.name + ", " + state
			if state == "miss" {
				if err := h.Empty(); err != nil {
					t.Fatal(err)
				}
			}
			r := finish(t, shell(t, h, o.line, "token", "jama"))
			quiet(t, what, r)
			if o.lost != (r.code != 0) || r.code < 0 {
				t.Errorf("%s: exit %d, %s", what, r.code, r.stderr)
			}
			if len(h.Entries()) != 1 {
				t.Errorf("%s: the token was not saved before the answer was lost", what)
			}
			before := s.requests()
			wholeAgain(t, what, s, h.Command("token", "jama"))
			if s.requests() != before {
				t.Errorf("%s: the token was not saved", what)
			}
			tokenNowhere(t, what, h)
		}
		// A failure has its exit code even if nobody can read the message.
		if r := finish(t, shell(t, h, o.line, "token", "nobody")); r.code != 3 {
			t.Errorf("%s: an unknown profile is exit %d, want 3", o.name, r.code)
		}
	}
}

// tokenNowhere fails if a file of the home contains a token or a secret in clear (T1, R10).
func tokenNowhere(t testing.TB, what string, h *program.Home) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(h.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), "canary") {
			t.Errorf("%s: %s holds a secret in clear", what, path)
		}
		files++
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v: the search is blind", files, err)
	}
}

// TestBrokenPipe (F21): if the reader goes away, the exit code is not 0, there is no panic,
// and the token is in the cache.
func TestBrokenPipe(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	for _, state := range []string{"hit", "miss"} {
		if state == "miss" {
			if err := h.Empty(); err != nil {
				t.Fatal(err)
			}
		}
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		cmd := h.Command("token", "jama")
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = write
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		write.Close()
		said, _ := io.ReadAll(stderr)
		if cmd.Wait() == nil {
			t.Errorf("%s: exit 0 although nobody reads", state)
		}
		quiet(t, state, result{stderr: string(said)})
		if len(h.Entries()) != 1 {
			t.Errorf("%s: the token was not saved", state)
		}
	}
}

// TestStdinNeverEnds (R2, T24): if a tool opens stdin and sends nothing, or only a
// part, credhelper waits 2 s and gives up.
func TestStdinNeverEnds(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	for _, c := range []struct {
		sent string
		args []string
	}{
		{"", []string{"get"}},
		{`{"uri":"https://api.exam`, []string{"get"}},
		{"", []string{"git-credential-credhelper", "get"}},
		{"protocol=https\nhost=api.example.com\n", []string{"git-credential-credhelper", "get"}},
		{"https://api.example.com", []string{"docker-credential-credhelper", "get"}},
		{"", []string{"reject", "jama"}},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			t.Parallel() // mostly waiting
			cmd := h.Command(c.args...)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(stdin, c.sent); err != nil {
				t.Fatal(err)
			}
			r := finish(t, cmd)
			stdin.Close()
			if r.code == 0 || strings.Contains(r.stdout, "canary") || !strings.Contains(r.stdout+r.stderr, "no whole request on stdin within 2 s") {
				t.Errorf("%v with %q on stdin: %+v", c.args, c.sent, r)
			}
			quiet(t, c.args[0], r)
		})
	}
}
