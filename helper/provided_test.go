//go:build unix

package helper_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestModes (T14): every mode that lets others write a file of the configuration
// is refused, with the file and the mode; every other is fine.
func TestModes(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	preset := h.dirs.Presets() + "/ours.toml"
	h.write(preset, "title = \"x\"\nsource = [\"https://example.com\"]\ndate = \"2026-01-01\"\n[profile]\n")
	h.profile("demo", plain+"preset = \"ours\"\n")
	h.store("demo", "secret")
	for _, path := range []string{h.dirs.Profiles() + "/demo.toml", preset, h.dirs.Settings()} {
		for _, c := range []struct {
			mode os.FileMode
			ok   bool
		}{{0o600, true}, {0o400, true}, {0o640, true}, {0o644, true}, {0o444, true}, {0o602, false}, {0o666, false}, {0o777, false}} {
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := h.helper().Profile("demo")
			if c.ok && err != nil {
				t.Errorf("%s %04o: %v", filepath.Base(path), c.mode, err)
			}
			if !c.ok {
				wantError(t, err, protocol.ErrPolicy, path, "others can write it")
			}
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKubernetesMount: a mounted volume shows files as links to links into a
// folder that is swapped as a whole; the swap counts at the next call.
func TestKubernetesMount(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	volume := t.TempDir()
	if err := os.Chmod(volume, 0o1777); err != nil { // as the kubelet makes them
		t.Fatal(err)
	}
	put := func(version, content string) {
		h.write(volume+"/.."+version+"/demo.toml", h.fill(content))
		_ = os.Remove(volume + "/..data_tmp")
		if err := os.Symlink(".."+version, volume+"/..data_tmp"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(volume+"/..data_tmp", volume+"/..data"); err != nil {
			t.Fatal(err)
		}
	}
	put("1", plain)
	if err := os.Symlink("..data/demo.toml", volume+"/demo.toml"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(h.dirs.Profiles()); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(volume, h.dirs.Profiles()); err != nil {
		t.Fatal(err)
	}
	h.settle()
	h.mustGet(named)
	if names, err := h.helper().ProfileNames(); err != nil || len(names) != 1 {
		t.Errorf("names %v: %v", names, err)
	}
	put("2", plain+"scopes = [\"other\"]\n")
	if c := h.mustGet(named); c.Source != "network" {
		t.Error("the new version of the volume was not seen")
	}
}

// TestSystemProfiles: root provides for everybody, read last; a user's own file of
// that name counts at once, and theirs again when it is gone.
func TestSystemProfiles(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.write(h.dirs.System+"/profiles/demo.toml", h.fill(plain))
	h.store("demo", "secret") // the profile first, the secret later
	h.mustGet(named)
	h.profile("demo", plain+"scopes = [\"mine\"]\n")
	if c := h.mustGet(named); c.Source != "network" {
		t.Error("the user's own profile was not seen")
	}
	a := h.helper()
	_, err := a.EditProfile("demo", []byte(h.fill(plain)+"notes = \"x\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.RemoveProfile(context.Background(), "demo"); err != nil {
		t.Fatal(err)
	}
	p, err := h.helper().Profile("demo")
	if err != nil || filepath.Dir(p.File) != h.dirs.System+"/profiles" {
		t.Fatalf("%+v: %v", p, err)
	}
	wantError(t, h.helper().RemoveProfile(context.Background(), "demo"), protocol.ErrPolicy, "is the system's")
}

// TestOddFiles (F13, T24): what is no file is refused and never waited for.
func TestOddFiles(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a pipe":         func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a device":       func(path string) error { return os.Symlink("/dev/zero", path) },
		"a loop":         func(path string) error { return os.Symlink(path, path) },
		"a large file":   func(path string) error { return os.WriteFile(path, make([]byte, 1<<20), 0o600) },
		"a file of NULs": func(path string) error { return os.WriteFile(path, make([]byte, 100), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			path := h.dirs.Profiles() + "/demo.toml"
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			_, err := h.get(named)
			wantError(t, err, protocol.ErrPolicy, "demo")
		})
	}
}

// TestDecoys (T4): what lies in the current directory or above it is never read.
func TestDecoys(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	dir := t.TempDir()
	evil := "client_id = \"evil\"\nurl = \"https://evil.test\"\ntoken_url = \"https://evil.test/token\"\n"
	for _, name := range []string{"config.toml", "demo.toml", "evil.toml", "profiles/evil.toml", "presets/jama.toml", ".env",
		".credhelper.toml", "credhelper.toml", ".config/credhelper/profiles/evil.toml", "credhelper/profiles/evil.toml"} {
		h.write(filepath.Join(dir, name), evil)
		h.write(filepath.Join(dir, "below", name), evil)
	}
	t.Chdir(filepath.Join(dir, "below"))
	h.mustGet(named)
	for _, r := range []protocol.Request{{Profile: "evil"}, {URL: url(t, "https://evil.test/")}} {
		if _, err := h.get(r); err == nil {
			t.Errorf("%+v was answered", r)
		}
	}
	if names, _ := h.helper().ProfileNames(); len(names) != 1 {
		t.Errorf("profiles %v", names)
	}
}

// TestReadOnlyHome (F4, G2): with nothing to write to, --no-store answers; so does a
// call without it, with a warning, if that is all that is wrong.
func TestReadOnlyHome(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	if err := os.RemoveAll(h.dirs.State); err != nil {
		t.Fatal(err)
	}
	// A file in the way stops root, too.
	h.write(h.dirs.State, "")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrPolicy, "cache: ")
	c := h.config()
	c.NoStore, c.Secret = true, secret.New("secret")
	if _, err := newHelper(c).Get(context.Background(), named); err != nil {
		t.Error(err)
	}
	if os.Geteuid() == 0 {
		return // modes do not stop root; CI runs this as an ordinary user
	}
	if err := os.Remove(h.dirs.State); err != nil {
		t.Fatal(err)
	}
	parent := filepath.Dir(h.dirs.State)
	if err := os.Chmod(parent, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(parent, 0o700)
	c = h.config()
	said := ""
	c.Report = func(text string) { said += text }
	if _, err := newHelper(c).Get(context.Background(), named); err != nil || !strings.Contains(said, "nothing is cached, each call asks the server: ") {
		t.Errorf("%v, said %q", err, said)
	}
}

// TestNoStore (T22): nothing is read from or written to the state directory, and
// the given secret stands in for any other.
func TestNoStore(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain)
	c := h.config()
	c.NoStore, c.Secret = true, secret.New("secret")
	for range 2 {
		got, err := newHelper(c).Get(context.Background(), named)
		if err != nil || got.Source != "network" {
			t.Fatalf("%+v: %v", got, err)
		}
	}
	if err := newHelper(c).Forget(context.Background(), protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: secret.New("x")}}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(h.dirs.State); err == nil {
		t.Error("the state directory was made")
	}
	if h.keyring.gets != 0 {
		t.Error("the keyring was asked")
	}
}

// TestOpenState (T1): a state directory that others can enter is refused, not
// mended.
func TestOpenState(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	if err := os.Chmod(h.dirs.Run(), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := h.get(named)
	wantError(t, err, protocol.ErrPolicy, h.dirs.Run())
	if info, err := os.Stat(h.dirs.Run()); err != nil || info.Mode().Perm() != 0o777 {
		t.Error("it was mended")
	}
}
