//go:build linux && realkeyring

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/internal/program"
)

// These tests start the executables as a desktop does: the environment contains the address
// of the session bus, no variables of ours, and no keyring was chosen before.

// desktopSession starts a desktop with gnome-keyring on it.
func desktopSession(t *testing.T, dir string, unlock bool) *keyringtest.Session {
	t.Helper()
	s, err := keyringtest.StartSession(dir, os.Getenv("PATH"), unlock)
	if err != nil {
		t.Fatal("no desktop (packages dbus, gnome-keyring): ", err)
	}
	t.Cleanup(s.Close)
	return s
}

// items returns how many secrets GNOME's keyring contains.
func items(t *testing.T, s *keyringtest.Session) int { return itemsOf(t, s, "login") }

// TestDesktopKeyring: on a desktop, add chooses the Secret Service by itself, and everything
// works with it afterwards, whether the environment says where the bus is or only where the
// runtime directory is.
func TestDesktopKeyring(t *testing.T) {
	desktop := desktopSession(t, t.TempDir(), true)
	for name, env := range map[string][]string{"address": desktop.Env, "runtime directory": desktop.WithoutAddress()} {
		t.Run(name, func(t *testing.T) {
			server, h := newServer(t), desktopHome(t, env)
			if r := exits(t, h, 0, "", "doctor"); !strings.Contains(r.stdout, "desktop keyring (Secret Service) answers") {
				t.Errorf("doctor, before a keyring is chosen: %s", r.stdout)
			}
			if r := exits(t, h, 0, secretA, addArgs(server)...); !strings.Contains(r.stderr, "the desktop keyring (Secret Service) answers") {
				t.Errorf("add took another keyring: %s", r.stderr)
			}
			if got := server.lastSecret(); got != secretA {
				t.Errorf("the server was shown %q", got)
			}
			exits(t, h, 0, "", "cache", "clear")
			if r := exits(t, h, 0, "", "token", "jama"); !server.knows(r.token()) {
				t.Errorf("token: %q", r.stdout)
			}
			exits(t, h, 0, secretB, "rotate", "jama", "--secret-stdin")
			exits(t, h, 0, "", "cache", "clear")
			if r := exits(t, h, 0, "capability[]=authtype\nprotocol=https\nhost=api.example.com\n\n", "git-credential-credhelper", "get"); !strings.Contains(r.stdout, "token-canary") {
				t.Errorf("git: %q", r.stdout)
			}
			if got := server.lastSecret(); got != secretB {
				t.Errorf("after rotate the server was shown %q", got)
			}
			if r := exits(t, h, 0, "", "doctor"); !strings.Contains(r.stdout, "desktop keyring (Secret Service), answered in") {
				t.Errorf("doctor: %s", r.stdout)
			}
			if left, _ := filepath.Glob(h.Dirs.Keyring() + "/*"); left != nil {
				t.Errorf("the encrypted file was made, too: %v", left)
			}
			if n := items(t, desktop); n != 1 {
				t.Errorf("the desktop holds %d secrets, want 1", n)
			}
			exits(t, h, 0, "", "remove", "jama", "--yes")
			if n := items(t, desktop); n != 0 {
				t.Errorf("after remove the desktop holds %d secrets", n)
			}
			exits(t, h, 3, "", "token", "jama")
		})
	}
}

// TestDesktopKeyringMoved: the secrets of a file keyring are moved to the desktop's.
func TestDesktopKeyringMoved(t *testing.T) {
	desktop, server := desktopSession(t, t.TempDir(), true), newServer(t)
	h := desktopHome(t, desktop.Env)
	exits(t, h, 0, "", "keyring", "use", "file")
	exits(t, h, 0, secretA, addArgs(server)...)
	if r := exits(t, h, 0, "", "keyring", "use", "secret-service"); !strings.Contains(r.stderr, "Moved from file: the secrets of jama.") {
		t.Errorf("keyring use secret-service: %s", r.stderr)
	}
	exits(t, h, 0, "", "cache", "clear")
	exits(t, h, 0, "", "token", "jama")
	if n := items(t, desktop); n != 1 {
		t.Errorf("the desktop holds %d secrets, want 1", n)
	}
}

// TestDesktopKeyringLocked: with a locked keyring everything ends with exit 5, without a
// prompt, and an add leaves nothing of its profile.
func TestDesktopKeyringLocked(t *testing.T) {
	dir := t.TempDir()
	first, server := desktopSession(t, dir, true), newServer(t)
	h := desktopHome(t, first.Env)
	exits(t, h, 0, secretA, addArgs(server)...)
	exits(t, h, 0, "", "cache", "clear")
	first.Close()
	second := desktopSession(t, dir, false)

	for _, args := range [][]string{{"token", "jama"}, {"rotate", "jama", "--secret-stdin"}, {"remove", "jama", "--yes"}} {
		if r := exits(t, h, 5, secretB, args...); !strings.Contains(r.stderr, "unlock") {
			t.Errorf("%v does not say what to do: %s", args, r.stderr)
		}
	}
	fresh := desktopHome(t, second.Env)
	for _, args := range [][]string{addArgs(server), {"keyring", "use", "secret-service"}} {
		if r := exits(t, fresh, 5, secretA, args...); !strings.Contains(r.stderr, "unlock") {
			t.Errorf("%v does not say what to do: %s", args, r.stderr)
		}
	}
	untouched(t, fresh)
}

// TestDesktopKeyringHangs: a service that stops answering leads to exit 5.
func TestDesktopKeyringHangs(t *testing.T) {
	desktop, server := desktopSession(t, t.TempDir(), true), newServer(t)
	h := desktopHome(t, desktop.Env)
	exits(t, h, 0, secretA, addArgs(server)...)
	exits(t, h, 0, "", "cache", "clear")
	if err := desktop.Daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	exits(t, h, 5, "", "token", "jama")
	exits(t, h, 5, secretB, "rotate", "jama", "--secret-stdin")
	if err := desktop.Daemon.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	exits(t, h, 0, "", "token", "jama")
	if got := server.lastSecret(); got != secretA {
		t.Errorf("the secret is %q now", got)
	}
}

// TestDesktopSourceCommand: a profile whose secret is printed by secret-tool can reach the
// desktop's keyring, although credhelper itself stores nothing there.
func TestDesktopSourceCommand(t *testing.T) {
	desktop, server := desktopSession(t, t.TempDir(), true), newServer(t)
	store := exec.Command(need(t, "secret-tool"), "store", "--label=client of jama", "--collection=login", "app", "jama")
	store.Env, store.Stdin = desktop.Env, strings.NewReader(secretA)
	if out, err := store.CombinedOutput(); err != nil {
		t.Fatalf("secret-tool store: %v: %s", err, out)
	}
	for name, env := range map[string][]string{"address": desktop.Env, "runtime directory": desktop.WithoutAddress()} {
		t.Run(name, func(t *testing.T) {
			h := desktopHome(t, env)
			exits(t, h, 0, "", "keyring", "use", "file")
			err := h.AddProfile(program.Profile{Name: "jama", Origin: "https://api.example.com", TokenURL: server.URL + "/token", ClientID: "client",
				More: `secret = ["command", "` + need(t, "secret-tool") + `", "lookup", "app", "jama"]`})
			if err != nil {
				t.Fatal(err)
			}
			if r := exits(t, h, 0, "", "token", "jama"); !server.knows(r.token()) {
				t.Errorf("token: %q", r.stdout)
			}
		})
	}
}
