//go:build unix

package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/tokenfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestNotify: what a service manager receives, on both kinds of address.
func TestNotify(t *testing.T) {
	dir, err := os.MkdirTemp("", "n") // an address has at most 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, address := range []string{filepath.Join(dir, "s"), "@credhelper-test-" + filepath.Base(dir)} {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "40000000", "WATCHDOG_PID": "7"}
		now := time.Unix(1_800_000_000, 0)
		n := openNotifier(func(name string) string { return env[name] }, func() time.Time { return now }, 7)
		n.ready()
		n.beat()
		n.beat() // too early
		now = now.Add(10 * time.Second)
		n.beat()
		n.status("all is well")
		n.stopping()
		n.close()
		for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1", "STATUS=all is well", "STOPPING=1"} {
			buf := make([]byte, 100)
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			size, err := conn.Read(buf)
			if err != nil || string(buf[:size]) != want {
				t.Errorf("%s: heard %q (%v), want %q", address, buf[:size], err, want)
			}
		}
		conn.Close()
	}
}

// TestNotifyNobody: sink works without a service manager, with the watchdog of another
// process, and with an address on which nobody listens.
func TestNotifyNobody(t *testing.T) {
	for _, env := range []map[string]string{
		{},
		{"NOTIFY_SOCKET": "vsock:2:1234"},
		{"NOTIFY_SOCKET": "/nowhere/at/all"},
		{"NOTIFY_SOCKET": "relative"},
		{"WATCHDOG_USEC": "1000000"},
	} {
		n := openNotifier(func(name string) string { return env[name] }, time.Now, 7)
		n.ready()
		n.beat()
		n.close()
		if n.conn != nil || n.tick() != tokenfile.Tick {
			t.Errorf("%v: %v, a beat each %v", env, n.conn, n.tick())
		}
	}
}

// bearerSite serves a git repository to requests with the Bearer token, redirects paths
// below /away/, and records the Authorization headers.
type bearerSite struct {
	*httptest.Server
	mu    sync.Mutex
	heard []string
}

func newBearerSite(t *testing.T, root, away string) *bearerSite {
	t.Helper()
	site := &bearerSite{}
	files := http.FileServer(http.Dir(root))
	site.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site.mu.Lock()
		site.heard = append(site.heard, r.Header.Values("Authorization")...)
		site.mu.Unlock()
		switch rest, redirected := strings.CutPrefix(r.URL.Path, "/away/"); {
		case redirected:
			http.Redirect(w, r, away+"/"+rest+"?"+r.URL.RawQuery, http.StatusFound)
		case away != "" && len(r.Header.Values("Authorization")) != 1 || away != "" && r.Header.Get("Authorization") != "Bearer t0k":
			w.Header().Set("WWW-Authenticate", `Bearer realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(site.Close)
	return site
}

// TestSinkForGit: through the file, the real git reaches a server that accepts only Bearer.
// It sends the header once although two sections match, sends it nowhere else, and does not
// follow a redirect with it.
func TestSinkForGit(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LANG=C"}
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) {
		t.Helper()
		if out, err := git(args...); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	must("init", "-q", "work")
	must("-C", "work", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "x")
	must("clone", "-q", "--bare", "work", "app.git")
	must("-C", "app.git", "update-server-info")
	stranger := newBearerSite(t, dir, "")
	site := newBearerSite(t, dir, stranger.URL)

	target := sinkTarget(tokenfile.File{Path: filepath.Join(dir, "bearer")}, protocol.Request{Shape: "git-include"})
	err := target.Put(protocol.Credential{
		Profile: "work", Scheme: "Bearer", Secret: secret.New("t0k"), Expires: 1893456000,
		Origins: []string{site.URL, site.URL + "/app.git"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := git("ls-remote", site.URL+"/app.git"); err == nil {
		t.Fatalf("without the file: %s", out)
	}
	must("config", "--global", "include.path", target.Path)
	must("ls-remote", site.URL+"/app.git")
	must("clone", "-q", site.URL+"/app.git", "copy")
	must("ls-remote", stranger.URL+"/app.git")
	if out, err := git("ls-remote", site.URL+"/away/app.git"); err == nil {
		t.Errorf("git followed a redirect with the header:\n%s", out)
	}
	if len(stranger.heard) > 0 {
		t.Errorf("the other host got %q", stranger.heard)
	}
	if err := target.Remove(); err != nil {
		t.Fatal(err)
	}
	if out, err := git("ls-remote", site.URL+"/app.git"); err == nil {
		t.Errorf("after sink ended: %s", out)
	}
}
