//go:build linux && realkeyring

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
)

// Desktops other than GNOME: KWallet, whose wallet is called kdewallet, and KeePassXC, whose
// collection has the name of its database and which answers each new item with a prompt.

// started returns a session, or fails the test and says what to install.
func started(t *testing.T, packages string) func(*keyringtest.Session, error) *keyringtest.Session {
	return func(s *keyringtest.Session, err error) *keyringtest.Session {
		t.Helper()
		if err != nil {
			t.Fatalf("no desktop (packages %s): %v", packages, err)
		}
		t.Cleanup(s.Close)
		return s
	}
}

func startKWallet(t *testing.T, dir string, open bool) *keyringtest.Session {
	t.Helper()
	return started(t, "dbus, libkf5wallet-bin, libqca-qt5-2-plugins")(keyringtest.StartKWallet(dir, os.Getenv("PATH"), open))
}

func startKeePassXC(t *testing.T, dir string, settings ...string) *keyringtest.Session {
	t.Helper()
	return started(t, "dbus, keepassxc")(keyringtest.StartKeePassXC(dir, os.Getenv("PATH"), settings...))
}

// whole plays the life of a secret: add chooses the keyring, then the secret is used,
// rotated and removed.
func whole(t *testing.T, desktop *keyringtest.Session, collection string) {
	for name, env := range map[string][]string{"address": desktop.Env, "runtime directory": desktop.WithoutAddress()} {
		t.Run(name, func(t *testing.T) {
			server, h := newServer(t), desktopHome(t, env)
			if r := exits(t, h, 0, secretA, addArgs(server)...); !strings.Contains(r.stderr, "the desktop keyring (Secret Service) answers") {
				t.Errorf("add took another keyring: %s", r.stderr)
			}
			if n := itemsOf(t, desktop, collection); n != 1 {
				t.Errorf("the desktop holds %d secrets, want 1", n)
			}
			exits(t, h, 0, "", "cache", "clear")
			if r := exits(t, h, 0, "", "token", "jama"); !server.knows(r.token()) {
				t.Errorf("token: %q", r.stdout)
			}
			exits(t, h, 0, secretB, "rotate", "jama", "--secret-stdin")
			exits(t, h, 0, "", "cache", "clear")
			exits(t, h, 0, "", "token", "jama")
			if got := server.lastSecret(); got != secretB {
				t.Errorf("after rotate the server was shown %q", got)
			}
			if r := exits(t, h, 0, "", "doctor"); !strings.Contains(r.stdout, "desktop keyring (Secret Service), answered in") {
				t.Errorf("doctor: %s", r.stdout)
			}
			exits(t, h, 0, "", "keyring", "use", "file")
			exits(t, h, 0, "", "keyring", "use", "secret-service")
			exits(t, h, 0, "", "remove", "jama", "--yes")
			if n := itemsOf(t, desktop, collection); n != 0 {
				t.Errorf("after remove the desktop holds %d secrets", n)
			}
		})
	}
}

// TestDesktopKWallet: add chooses a wallet that was opened at sign-in, although no
// application has used it yet.
func TestDesktopKWallet(t *testing.T) {
	dir := t.TempDir()
	desktop := startKWallet(t, dir, true)
	whole(t, desktop, "kdewallet")

	server, h := newServer(t), desktopHome(t, desktop.Env)
	exits(t, h, 0, "", "keyring", "use", "kwallet")
	exits(t, h, 0, secretA, addArgs(server)...)
	exits(t, h, 0, "", "cache", "clear")
	exits(t, h, 0, "", "token", "jama")
	if n := itemsOf(t, desktop, "kdewallet"); n != 1 {
		t.Errorf("the desktop holds %d secrets, want 1", n)
	}
	written(t, dir)
	desktop.Close()

	closed := startKWallet(t, dir, false)
	exits(t, h, 0, "", "cache", "clear")
	fresh := desktopHome(t, closed.Env)
	if r := exits(t, h, 5, "", "token", "jama"); !strings.Contains(r.stderr, `unlock the desktop's keyring "kdewallet"`) {
		t.Errorf("token does not say what to do: %s", r.stderr)
	}
	exits(t, h, 5, secretB, "rotate", "jama", "--secret-stdin")
	exits(t, fresh, 5, secretA, addArgs(server)...)
	exits(t, fresh, 5, "", "keyring", "use", "kwallet")
	untouched(t, fresh)
	closed.Close()

	startKWallet(t, dir, true) // the next sign-in, after which a tool is the first to ask
	exits(t, h, 0, "", "token", "jama")
	if got := server.lastSecret(); got != secretA {
		t.Errorf("the secret is %q now", got)
	}
}

// written waits until KWallet has written its wallet to disk, which it does some seconds
// after a change.
func written(t *testing.T, dir string) {
	t.Helper()
	const empty = 60 // bytes
	for range 300 {
		info, err := os.Stat(filepath.Join(dir, "home/.local/share/kwalletd/kdewallet.kwl"))
		if err == nil && info.Size() > empty {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("KWallet does not write its wallet")
}

// TestDesktopKeePassXC: a database of any name, with the settings with which KeePassXC never
// prompts.
func TestDesktopKeePassXC(t *testing.T) {
	desktop := startKeePassXC(t, t.TempDir(), "ConfirmAccessItem=false", "ConfirmDeleteItem=false")
	whole(t, desktop, "my_20vault")
	h := desktopHome(t, desktop.Env)
	if r := exits(t, h, 5, "", "keyring", "use", "kwallet"); !strings.Contains(r.stderr, "KWallet does not answer") {
		t.Errorf("keyring use kwallet: %s", r.stderr)
	}
	untouched(t, h)
}

// TestDesktopKeePassXCAsks: by default, KeePassXC prompts before it gives a secret to
// another process than the one that stored it. So add must not store one there, and leaves
// nothing behind.
func TestDesktopKeePassXCAsks(t *testing.T) {
	desktop := startKeePassXC(t, t.TempDir(), "ConfirmDeleteItem=false")
	server, h := newServer(t), desktopHome(t, desktop.Env)
	if r := exits(t, h, 5, secretA, addArgs(server)...); !strings.Contains(r.stderr, "without asking") {
		t.Errorf("add does not say what to do: %s", r.stderr)
	}
	untouched(t, h)
	if n := itemsOf(t, desktop, "my_20vault"); n != 0 {
		t.Errorf("a failed add left %d secrets", n)
	}
}

// itemsOf returns how many of our secrets a collection contains, as another program sees
// them.
func itemsOf(t *testing.T, s *keyringtest.Session, collection string) int {
	t.Helper()
	cmd := exec.Command(need(t, "dbus-send"), "--session", "--print-reply", "--dest=org.freedesktop.secrets", s.Collection(collection),
		"org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Items")
	cmd.Env = s.Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("dbus-send: %v: %s", err, out)
	}
	return strings.Count(string(out), "object path")
}
