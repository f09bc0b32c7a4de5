package main

import (
	"context"
	"errors"
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
	server, err := oauthtest.New(oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "app", Auth: "none"}}, Lifetime: life, Fault: fault,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
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
	length := 9 * time.Second
	if os.Getenv("CREDHELPER_SOAK") != "" {
		length = time.Minute
	}
	h := newSignedInHome(t, 3*time.Second, t.Errorf)
	end := time.Now().Add(length)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				if out, err := h.command(t.Context(), "token", "me").CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			}
		})
	}
	all.Wait()
	if n, least := h.server.Count(), int(length/(4*time.Second)); n < least {
		t.Errorf("only %d token requests: nothing was renewed", n)
	}
}

// TestKillAtEveryPoint (A10, A18): after kill -9 at points spread over a refresh, the next
// call works, or says that a person has to sign in, and a new sign-in repairs it.
func TestKillAtEveryPoint(t *testing.T) {
	h := newSignedInHome(t, time.Hour, nil)
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
