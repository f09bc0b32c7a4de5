//go:build linux

package main_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// A container uses the home of another place. As container runtimes do, it is refused the
// kernel's keyring and gets a runtime directory of its own. So it has another key for the
// sealed tokens, and cannot open anybody else's.
type container struct {
	*program.Home
	log string // the execve calls of its last call
}

// newContainer returns the home as another container sees it.
func newContainer(t *testing.T, h *program.Home) *container {
	t.Helper()
	runtime, err := os.MkdirTemp("/dev/shm", "credhelper-test-*") // a tmpfs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	inside := *h
	inside.Env = append(h.Env[:len(h.Env):len(h.Env)], "XDG_RUNTIME_DIR="+runtime)
	return &container{&inside, filepath.Join(t.TempDir(), "log")}
}

// call runs credhelper in the container and reports how many programs that took: one if the
// front answered.
func (c *container) call(t *testing.T, stdin string, args ...string) (r result, programs int) {
	t.Helper()
	const keyrings = "add_key,request_key,keyctl"
	cmd := traced(t, c.Home, c.log, []string{"-e", "trace=execve," + keyrings, "-e", "inject=" + keyrings + ":error=EPERM"}, args...)
	cmd.Stdin = strings.NewReader(stdin)
	r = finish(t, cmd)
	content, err := os.ReadFile(c.log)
	if err != nil {
		t.Fatal(err)
	}
	return r, strings.Count(string(content), "execve(")
}

func (c *container) token(t *testing.T) string {
	t.Helper()
	r, _ := c.call(t, "", "token", "jama")
	if r.code != 0 || r.token() == "" {
		t.Fatalf("in the container: %+v", r)
	}
	return r.token()
}

func hostToken(t *testing.T, h *program.Home) string {
	t.Helper()
	r := finish(t, h.Command("token", "jama"))
	if r.code != 0 || r.token() == "" {
		t.Fatalf("on the host: %+v", r)
	}
	return r.token()
}

// TestPlaces (A4): a host and a container that share a home keep one token each. Ten rounds
// are two requests, and then both fronts answer without the engine.
func TestPlaces(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	h := newHome(t, s)
	c := newContainer(t, h)
	settle()
	if err := h.Empty(); err != nil { // storing the secret fetched a token
		t.Fatal(err)
	}
	before := s.requests()
	host, inside := hostToken(t, h), c.token(t)
	for i := range 9 {
		if a, b := hostToken(t, h), c.token(t); a != host || b != inside {
			t.Fatalf("round %d: another token", i+2)
		}
	}
	if n := s.requests() - before; n != 2 || host == inside {
		t.Errorf("%d token requests, want 2", n)
	}
	if r, programs := c.call(t, "", "token", "jama"); r.token() != inside || programs != 1 {
		t.Errorf("the container's front did not answer: %d programs, %+v", programs, r)
	}
	log := filepath.Join(t.TempDir(), "log")
	if r := finish(t, traced(t, h, log, []string{"-e", "trace=execve"}, "token", "jama")); r.token() != host {
		t.Errorf("%+v", r)
	}
	if content, err := os.ReadFile(log); err != nil || strings.Count(string(content), "execve(") != 1 {
		t.Errorf("the host's front did not answer: %v\n%s", err, content)
	}
}

// TestFivePlaces: at most four places keep a token of a profile; a fifth still gets one.
func TestFivePlaces(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	h := newHome(t, s)
	settle()
	before := s.requests()
	var last *container
	for range 5 {
		last = newContainer(t, h)
		last.token(t)
	}
	if n := s.requests() - before; n != 5 {
		t.Errorf("%d token requests, want 5", n)
	}
	if n := len(h.Entries()); n != 4 {
		t.Errorf("%d entries, want 4: %s", n, h.Entries())
	}
	last.token(t)
	if n := s.requests() - before; n != 5 {
		t.Error("the last place keeps nothing")
	}
}

// TestPlacesForgetTogether (T16): what is dropped in one place is dropped in the other as
// well, although it cannot be opened from here, and a restored copy is not used.
func TestPlacesForgetTogether(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	for _, args := range [][]string{
		{"cache", "clear", "jama"},
		{"cache", "clear"},
		{"rotate", "jama", "--secret-stdin"},
		{"logout", "jama"},
		{"lock"},
	} {
		for _, by := range []string{"host", "container"} {
			t.Run(strings.Join(args, " ")+" by the "+by, func(t *testing.T) {
				h := newHome(t, s)
				c := newContainer(t, h)
				settle()
				host, inside := hostToken(t, h), c.token(t)
				copies := map[string][]byte{}
				for _, path := range h.Entries() {
					copies[path], _ = os.ReadFile(path)
				}
				if len(copies) != 2 {
					t.Fatalf("%d entries, want 2", len(copies))
				}
				if by == "host" {
					call(t, h, secretB, args...)
				} else if r, _ := c.call(t, secretB, args...); r.code != 0 {
					t.Fatalf("%+v", r)
				}
				if left := len(h.Entries()); args[0] != "rotate" && left != 0 {
					t.Errorf("%d entries are left", left)
				}
				for path, content := range copies {
					if err := os.WriteFile(path, content, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				a := finish(t, h.Command("token", "jama"))
				b, _ := c.call(t, "", "token", "jama")
				if a.token() == host || b.token() == inside {
					t.Errorf("a token of before is given: host %s, container %s", strconv.Quote(a.stdout), strconv.Quote(b.stdout))
				}
				if args[0] != "logout" && (a.code != 0 || b.code != 0) {
					t.Errorf("no token: %+v, %+v", a, b)
				}
			})
		}
	}
}

// TestPlacesDropRefused: a token that is reported as refused, and is old enough to be
// believed dead, is replaced in both places.
func TestPlacesDropRefused(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	h := newHome(t, s)
	c := newContainer(t, h)
	settle()
	host, inside := hostToken(t, h), c.token(t)
	if err := h.Age("jama", 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	call(t, h, "", "reject", "jama", "--current")
	if a, b := hostToken(t, h), c.token(t); a == host || b == inside {
		t.Error("a token of before is given")
	}
}
