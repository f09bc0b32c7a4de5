//go:build linux

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/internal/program"
)

// The tests of this directory run the whole program, with all executables as released, and
// do to it what machines do: they kill it at every system call, fill its disk, close its
// descriptors, start two hundred of it at once.

// bin is the directory of the executables.
var bin string

func TestMain(m *testing.M) {
	if code, played := keyringtest.AgePlugin(os.Args, os.Environ(), os.Stdout); played {
		os.Exit(code)
	}
	if path := os.Getenv(asDialler); path != "" {
		dialler(path)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// An ordinary user may read neither the module cache nor the compiler's, so scripts/test
	// builds the executables.
	if bin = os.Getenv("CREDHELPER_TEST_BIN"); bin != "" {
		links, err := os.MkdirTemp("", "credhelper-bin-*")
		if err == nil {
			err = borrow(bin, links)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(links)
		bin = links
		return m.Run()
	}
	var err error
	if bin, err = os.MkdirTemp("", "credhelper-bin-*"); err == nil {
		defer os.RemoveAll(bin)
		err = errors.Join(os.Chmod(bin, 0o755), program.Build(bin))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// borrow copies the executables from from to to, with the links of tools.
func borrow(from, to string) error {
	for _, name := range program.Executables {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			// Or a process that another test starts meanwhile has the file open for writing, so
			// that it cannot be executed ("text file busy").
			syscall.ForkLock.RLock()
			err = os.WriteFile(filepath.Join(to, name), content, 0o755)
			syscall.ForkLock.RUnlock()
		}
		if err != nil {
			return err
		}
	}
	return program.Link(to)
}

// TestOrdinaryUser fails if scripts/test wants the tests of modes and owners run by an
// ordinary user and this is root, who passes every such check.
func TestOrdinaryUser(t *testing.T) {
	if os.Getenv("CREDHELPER_TEST_USER") == "ordinary" && os.Geteuid() == 0 {
		t.Fatal("this is root")
	}
}

// need fails the test if a tool is missing.
func need(t testing.TB, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is missing: scripts/test packages installs it", tool)
	}
	return path
}

// elsewhere runs a test that reads strace's log in another process, if necessary: the kernel
// lets only root trace credhelper (T9). An ordinary user becomes root of a user namespace.
// The whole test runs there, because each namespace has a kernel keyring of its own.
func elsewhere(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(need(t, "unshare"), "--user", "--map-root-user", self, "-test.v", fmt.Sprintf("-test.short=%v", testing.Short()), "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "CREDHELPER_TEST_BIN="+bin, "CREDHELPER_TEST_USER=")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as root of a user namespace: %v\n%s", err, out)
	}
	return true
}

// server is a token endpoint that accepts two secrets, so that a test can see which one the
// program has.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	delay  time.Duration
	count  int
	secret string            // of the last request
	issued map[string]string // token to secret
}

const (
	secretA = "first-secret-canary-7391"
	secretB = "other-secret-canary-5527"
)

func newServer(t testing.TB) *server {
	s := &server{issued: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.token))
	t.Cleanup(s.Close)
	return s
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	s.mu.Lock()
	s.count++
	delay, n := s.delay, s.count
	s.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body) // or the server would not notice
	select {
	case <-time.After(delay):
	case <-r.Context().Done(): // that the client was killed
	}
	w.Header().Set("Content-Type", "application/json")
	if !ok || id != "client" || secret != secretA && secret != secretB {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"invalid_client"}`)
		return
	}
	token := fmt.Sprintf("token-canary-%06d.%s.end", n, strings.Repeat("x", 1150))
	s.mu.Lock()
	s.secret, s.issued[token] = secret, secret
	s.mu.Unlock()
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, token)
}

// requests returns how many token requests came; slow sets how long each takes.
func (s *server) requests() int         { s.mu.Lock(); defer s.mu.Unlock(); return s.count }
func (s *server) slow(d time.Duration)  { s.mu.Lock(); defer s.mu.Unlock(); s.delay = d }
func (s *server) lastSecret() string    { s.mu.Lock(); defer s.mu.Unlock(); return s.secret }
func (s *server) knows(tok string) bool { s.mu.Lock(); defer s.mu.Unlock(); return s.issued[tok] != "" }

// newHome makes a home with the profile jama, its secret secretA, and no token.
func newHome(t testing.TB, s *server) *program.Home {
	t.Helper()
	h := program.TestHome(t, bin)
	addProfile(t, h, s, "jama", "https://api.example.com")
	return h
}

func addProfile(t testing.TB, h *program.Home, s *server, name, origin string) {
	t.Helper()
	err := h.AddProfile(program.Profile{Name: name, Origin: origin, TokenURL: s.URL + "/token", ClientID: "client", Secret: secretA})
	if err != nil {
		t.Fatal(err)
	}
}

// warmHome returns a home whose token the front gives without the engine.
func warmHome(t testing.TB, s *server) *program.Home {
	t.Helper()
	h := newHome(t, s)
	for range 2 {
		settle()
		for _, by := range []string{"jama", "https://api.example.com/"} {
			if _, err := h.Run("", "token", by); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}

// settle waits until what was written counts: the stamp of a file that changed less than
// 10 ms ago is not trusted.
func settle() { time.Sleep(30 * time.Millisecond) }

// result is how a call ended.
type result struct {
	stdout, stderr string
	code           int // -1: by a signal
	took           time.Duration
}

// token is the token on stdout; "" if there is none.
func (r result) token() string { return strings.TrimSuffix(r.stdout, "\n") }

// finish runs a command and waits for its end.
func finish(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), said.String(), cmd.ProcessState.ExitCode(), time.Since(began)}
}

// traced returns a call of credhelper under strace, whose log goes to the file log.
func traced(t testing.TB, h *program.Home, log string, options []string, args ...string) *exec.Cmd {
	t.Helper()
	inner := h.Command(args...)
	cmd := exec.Command(need(t, "strace"), append(append([]string{"-f", "-qq", "-y", "-s", "64", "-o", log}, options...), inner.Args...)...)
	cmd.Env, cmd.Dir = inner.Env, inner.Dir
	return cmd
}

// sane fails if a failure was not reported as every failure must be: nothing on stdout, one
// line and at most one hint on stderr, an exit code of the table, no secret.
func sane(t testing.TB, what string, r result) {
	t.Helper()
	if r.code < 1 || r.code > 12 || r.stdout != "" || strings.Count(r.stderr, "\n") > 3 || !strings.HasPrefix(r.stderr, "credhelper: ") {
		t.Errorf("%s: exit %d, stdout %q, stderr %q", what, r.code, r.stdout, r.stderr)
	}
	quiet(t, what, r)
}

// quiet fails if stderr contains a secret, a panic or a control byte.
func quiet(t testing.TB, what string, r result) {
	t.Helper()
	for _, bad := range []string{"canary", "panic:", "goroutine ", "fatal error", "SIGSEGV"} {
		if strings.Contains(r.stderr, bad) {
			t.Errorf("%s: stderr holds %q: %s", what, bad, r.stderr)
		}
	}
	for _, c := range []byte(r.stderr) {
		if c != '\n' && (c < 0x20 || c > 0x7e) {
			t.Errorf("%s: stderr holds byte %#x: %q", what, c, r.stderr)
			return
		}
	}
}
