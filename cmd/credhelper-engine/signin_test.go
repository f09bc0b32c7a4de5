package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// signedInHome is a home with a profile "me" for which somebody has signed in.
type signedInHome struct {
	t      *testing.T
	dir    string
	server *oauthtest.Server
}

func newSignedInHome(t *testing.T, life time.Duration, fault func(string, ...any)) *signedInHome {
	t.Helper()
	server := oauthtest.Start(t, oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "app", Auth: "none"}}, Lifetime: life, Fault: fault,
	})
	h := &signedInHome{t: t, dir: t.TempDir(), server: server}
	browser := "#!/bin/sh\nexec curl -s -L -o /dev/null \"$1\"\n"
	for _, dir := range []string{"home", "user", "bin"} {
		if err := os.MkdirAll(filepath.Join(h.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(h.dir, "bin", "xdg-open"), []byte(browser), 0o755); err != nil {
		t.Fatal(err)
	}
	h.must("keyring", "use", "file")
	h.must("add", "me", "--preset", "oidc", "--issuer", server.Issuer(), "--url", server.URL(), "--client-id", "app",
		"--set", "grant=authorization_code", "--set", "client_auth=none")
	h.must("login", "me")
	return h
}

// command returns a call of credhelper in this home.
func (h *signedInHome) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "credhelper"), args...)
	cmd.Env = []string{
		"PATH=" + filepath.Join(h.dir, "bin") + ":" + bin + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + filepath.Join(h.dir, "user"),
		"CREDHELPER_HOME=" + filepath.Join(h.dir, "home"), "CREDHELPER_ETC=none", "XDG_RUNTIME_DIR=" + filepath.Join(h.dir, "none"), "LANG=C",
	}
	return cmd
}

func (h *signedInHome) must(args ...string) {
	h.t.Helper()
	if out, err := h.command(h.t.Context(), args...).CombinedOutput(); err != nil {
		h.t.Fatalf("credhelper %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestRotatingRefreshStorm (A10, A22): five processes at a time use tokens of three seconds,
// from a server that ends the sign-in if it sees a refresh token twice. No call fails, and
// no refresh token is used twice. CREDHELPER_SOAK makes it a minute.
func TestRotatingRefreshStorm(t *testing.T) {
	lives := 3
	if os.Getenv("CREDHELPER_SOAK") != "" {
		lives = 20
	}
	for life := 3 * time.Second; ; life *= 4 {
		h := newSignedInHome(t, life, t.Errorf)
		failures, slowest := h.storm(time.Duration(lives) * life)
		if slowest > life/2 && life < time.Minute { // a token may end on its way, which is the machine's doing
			t.Logf("a call took %v: tokens of %v are too short for this machine", slowest, life)
			continue
		}
		for _, f := range failures {
			t.Error(f)
		}
		if n := h.server.Count(); n < lives*3/4 {
			t.Errorf("only %d token requests: nothing was renewed", n)
		}
		return
	}
}

// storm asks five at a time until the end or a failure, and returns how long the slowest call
// took.
func (h *signedInHome) storm(long time.Duration) (failures []string, slowest time.Duration) {
	end := time.Now().Add(long)
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 5 {
		all.Go(func() {
			for failed := false; !failed && time.Now().Before(end); {
				began := time.Now()
				out, err := h.command(h.t.Context(), "token", "me").CombinedOutput()
				mu.Lock()
				if err != nil {
					failures = append(failures, fmt.Sprintf("%v: %s", err, out))
				}
				failed, slowest = len(failures) > 0, max(slowest, time.Since(began))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return failures, slowest
}

// TestKillAtEveryPoint (A10, A18): after kill -9 at points spread over a refresh, the next
// call works, or says that a person has to sign in, and a new sign-in repairs it.
func TestKillAtEveryPoint(t *testing.T) {
	h := newSignedInHome(t, time.Hour, func(string, ...any) {}) // a refresh token that comes twice is one
	killed, over := 0, 0
	for delay := time.Duration(0); delay <= 18*time.Millisecond; delay += 300 * time.Microsecond {
		h.must("cache", "clear", "me") // so that the next call has to refresh
		ctx, cancel := context.WithTimeout(t.Context(), delay+time.Microsecond)
		if err := h.command(ctx, "token", "me").Run(); err != nil {
			killed++
		}
		cancel()
		out, err := h.command(t.Context(), "token", "me").CombinedOutput()
		var exit *exec.ExitError
		switch {
		case err == nil && strings.HasPrefix(string(out), "eyJ"):
		case errors.As(err, &exit) && exit.ExitCode() == 6 && strings.Contains(string(out), "credhelper login me"):
			over++
			h.must("login", "me")
		default:
			t.Fatalf("killed after %v: %v\n%s", delay, err, out)
		}
	}
	if killed < 3 {
		t.Fatalf("only %d calls were killed: the test is blind", killed)
	}
	t.Logf("%d killed, %d sign-ins lost", killed, over)
}
