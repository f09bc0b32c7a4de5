//go:build linux

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// agePlugin, in the environment, makes this test binary a plugin of age
// (keyringtest.AgePlugin).
func agePlugin(t *testing.T, name string) (path string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "age-plugin-"+name)
	if err := os.Symlink(exe, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKeyringByAgePlugin: after "keyring use file --identity" a plugin of age opens the
// encrypted file. It runs when a secret is needed, not for a cached token. It gets none of
// our variables, and no secret is on disk in clear.
func TestKeyringByAgePlugin(t *testing.T) {
	server, h := newServer(t), desktopHome(t, []string{"PATH=/usr/bin:/bin", "XDG_RUNTIME_DIR=/nonexistent"})
	plugin := agePlugin(t, "good")
	ran := func() bool {
		t.Helper()
		environ, err := os.ReadFile(plugin + ".environ")
		_ = os.Remove(plugin + ".environ")
		if strings.Contains(string(environ), "CREDHELPER") || strings.Contains(string(environ), secretA) {
			t.Errorf("the plugin was given %s", environ)
		}
		return err == nil
	}
	exits(t, h, 0, "", "keyring", "use", "file")
	exits(t, h, 0, secretA, addArgs(server)...)
	key, err := os.ReadFile(h.Dirs.KeyFile())
	if err != nil {
		t.Fatal(err)
	}
	if r := exits(t, h, 0, "", "keyring", "use", "file", "--identity", plugin); !strings.Contains(r.stderr, "opened by a plugin of age") {
		t.Errorf("keyring use: %s", r.stderr)
	}
	ran()
	exits(t, h, 0, "", "token", "jama")
	if ran() {
		t.Error("the plugin ran for a cached token")
	}
	exits(t, h, 0, "", "cache", "clear")
	exits(t, h, 0, "", "token", "jama")
	if got := server.lastSecret(); got != secretA || !ran() {
		t.Errorf("the server was shown %q; the test may be blind", got)
	}
	exits(t, h, 0, secretB, "rotate", "jama", "--secret-stdin")
	if r := exits(t, h, 0, "", "doctor"); !strings.Contains(r.stdout, "opened by a plugin of age") {
		t.Errorf("doctor: %s", r.stdout)
	}
	nowhere(t, h.Dir, strings.TrimSpace(string(key)), secretA, secretB)

	exits(t, h, 0, "", "cache", "clear")
	if err := os.Rename(plugin, plugin+"-away"); err != nil {
		t.Fatal(err)
	}
	if r := exits(t, h, 5, "", "token", "jama"); !strings.Contains(r.stderr, plugin) {
		t.Errorf("token without the plugin: %s", r.stderr)
	}
	if err := os.Rename(plugin+"-away", plugin); err != nil {
		t.Fatal(err)
	}
	exits(t, h, 0, "", "token", "jama")
}

// TestKeyringByBadAgePlugin: a plugin that hangs, prompts or fails is an error, not a hang,
// and the keyring stays as it was.
func TestKeyringByBadAgePlugin(t *testing.T) {
	t.Parallel() // mostly waiting
	server, h := newServer(t), desktopHome(t, []string{"PATH=/usr/bin:/bin", "XDG_RUNTIME_DIR=/nonexistent"})
	exits(t, h, 0, "", "keyring", "use", "file")
	exits(t, h, 0, secretA, addArgs(server)...)
	for _, name := range []string{"slow", "leaving", "pin", "noisy", "garbage"} {
		if r := exits(t, h, 5, "", "keyring", "use", "file", "--identity", agePlugin(t, name)); strings.Contains(r.stderr, "c4n4ry") {
			t.Errorf("%s: its own words are shown: %s", name, r.stderr)
		}
		exits(t, h, 0, "", "cache", "clear")
		exits(t, h, 0, "", "token", "jama")
	}
	exits(t, h, 2, "", "keyring", "use", "secret-service", "--identity", "age-plugin-good")
	exits(t, h, 5, "", "keyring", "use", "file", "--identity", "age-plugin-none")
}

// nowhere fails if a file below dir contains one of the texts in clear.
func nowhere(t *testing.T, dir string, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, text := range texts {
			if strings.Contains(string(content), text) {
				t.Errorf("%s holds a secret in clear", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
