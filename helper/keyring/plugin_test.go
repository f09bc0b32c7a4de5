package keyring_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"filippo.io/age/plugin"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// pluginCalled makes this test binary the plugin of that name (keyringtest.AgePlugin).
func pluginCalled(t *testing.T, name string) keyring.Plugin {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, makeLink := filepath.Join(t.TempDir(), "age-plugin-"+name), os.Symlink
	if filepath.Ext(exe) == ".exe" {
		// Windows permits symbolic links to few, and removes no other link to what runs.
		program, makeLink = program+".exe", func(from, to string) error {
			content, err := os.ReadFile(from)
			return errors.Join(err, os.WriteFile(to, content, 0o700))
		}
	}
	if err := makeLink(exe, program); err != nil {
		t.Fatal(err)
	}
	p, err := keyring.FindPlugin(program, "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// person answers with a PIN and records what was shown.
func person(told *[]string) *keyring.Person {
	return &keyring.Person{
		Tell: func(message string) { *told = append(*told, message) },
		Ask:  func(string) (secret.Text, error) { return secret.New("1234"), nil },
	}
}

func pluginText(t *testing.T, h *home) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(h.config.KeyFile), "keyring.plugin"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPlugin: a plugin opens the keyring for every process, and without it nothing on disk
// does. It gets few variables.
func TestPlugin(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, canary)
	key, err := os.ReadFile(h.config.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	p := pluginCalled(t, "good")
	h.config.Environ = keyring.ChildEnviron(func(name string) string {
		return map[string]string{"HOME": "/home/none", "PATH": "relative:/usr/bin", "MY_SECRET": canary}[name]
	})
	if err := h.open(t).UsePlugin(bg, p, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := h.open(t).Get(bg, keyringtest.Key(1)); err != nil || got.Reveal() != canary {
		t.Errorf("after UsePlugin: %d bytes, %v", got.Len(), err)
	}
	if opener, err := h.open(t).Opener(bg); opener != keyring.OpenedByPlugin || err != nil {
		t.Errorf("opened by %q, %v", opener, err)
	}
	if _, err := os.Stat(h.config.KeyFile); err == nil {
		t.Error("the key file is still there")
	}
	if strings.Contains(pluginText(t, h), strings.TrimSpace(string(key))) {
		t.Error("the key lies in clear in the plugin's file")
	}
	environ, err := os.ReadFile(p.Program + ".environ")
	if want := "HOME=/home/none\nPATH=/usr/bin\n"; err != nil || string(environ) != want {
		t.Errorf("the plugin was given %q, %v", environ, err)
	}
}

// TestPluginIsAges: age's own client opens what was sealed, so that the keyring can be read
// without this program; the identity is the one of "age -j".
func TestPluginIsAges(t *testing.T) {
	h, f := withKeyFile(t)
	p := pluginCalled(t, "good")
	if err := f.UsePlugin(bg, p, nil); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(p.Program))
	identity, err := plugin.NewIdentityWithoutData("good", &plugin.ClientUI{})
	if err != nil || identity.String() != p.Identity {
		t.Fatalf("identity %q, age's is %q, %v", p.Identity, identity, err)
	}
	_, sealed, _ := strings.Cut(pluginText(t, h), p.Identity+"\n")
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(sealed)), identity)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil || !strings.HasPrefix(string(plain), "AGE-SECRET-KEY-1") {
		t.Errorf("age reads %d bytes, %v", len(plain), err)
	}
}

// TestPluginFails: a plugin that does not open what it sealed changes nothing, and no error
// contains its messages.
func TestPluginFails(t *testing.T) {
	for _, name := range []string{"broken", "silent", "garbage", "noisy", "pin", "touch", "slow", "leaving"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, f := withKeyFile(t)
			set(t, f, 1, canary)
			p := pluginCalled(t, name)
			h.config.Environ = []string{"PATH=/usr/bin:/bin"}
			err := h.open(t).UsePlugin(bg, p, nil)
			if (name == "slow" || name == "leaving") && !strings.Contains(fmt.Sprint(err), "did not answer within") {
				t.Errorf("it was not %s, the test is blind: %v", name, err)
			}
			if _, ended := os.Stat(p.Program + ".ended"); ended == nil {
				t.Error("the process that it left behind was waited for")
			}
			if !errors.Is(err, keyring.ErrLocked) && !errors.Is(err, keyring.ErrDamaged) || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("UsePlugin: %v", err)
			}
			if got, err := h.open(t).Get(bg, keyringtest.Key(1)); err != nil || got.Reveal() != canary {
				t.Errorf("the keyring after it: %d bytes, %v", got.Len(), err)
			}
			if opener, _ := h.open(t).Opener(bg); opener != keyring.OpenedByKeyFile {
				t.Errorf("opened by %q", opener)
			}
		})
	}
}

// TestPluginAndPerson: for a tool, a plugin that needs a person is ErrLocked; after "unlock"
// the keyring is open.
func TestPluginAndPerson(t *testing.T) {
	for _, name := range []string{"pin", "touch"} {
		t.Run(name, func(t *testing.T) {
			h, f := withKeyFile(t)
			set(t, f, 1, canary)
			var told []string
			if err := f.UsePlugin(bg, pluginCalled(t, name), person(&told)); err != nil {
				t.Fatal(err)
			}
			if _, err := h.open(t).Get(bg, keyringtest.Key(1)); !errors.Is(err, keyring.ErrLocked) || !strings.Contains(err.Error(), "credhelper unlock") {
				t.Errorf("without a person: %v", err)
			}
			if opener, err := h.open(t).Opener(bg); !errors.Is(err, keyring.ErrLocked) && opener != keyring.OpenedByPlugin {
				t.Errorf("opened by %q, %v", opener, err)
			}
			if err := h.open(t).UnlockByPlugin(bg, person(&told), time.Minute); err != nil {
				t.Fatal(err)
			}
			if got, err := h.open(t).Get(bg, keyringtest.Key(1)); err != nil || got.Reveal() != canary {
				t.Errorf("after unlock: %d bytes, %v", got.Len(), err)
			}
			if told := strings.Join(told, ","); (name == "touch") != strings.Contains(told, "touch the key") {
				t.Errorf("the person was told %q", told)
			}
		})
	}
}

// TestPluginReplaced: another way to open the keyring replaces the plugin.
func TestPluginReplaced(t *testing.T) {
	for name, replace := range map[string]func(*keyring.File) error{
		"a passphrase":   func(f *keyring.File) error { return f.UsePassphrase(bg, secret.New("open sesame")) },
		"a key file":     func(f *keyring.File) error { return f.UseKeyFile(bg) },
		"another plugin": func(f *keyring.File) error { return f.UsePlugin(bg, pluginCalled(t, "good"), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			h, f := withKeyFile(t)
			set(t, f, 1, canary)
			if err := f.UsePlugin(bg, pluginCalled(t, "good"), nil); err != nil {
				t.Fatal(err)
			}
			if err := replace(h.open(t)); err != nil {
				t.Fatal(err)
			}
			if h.open(t).HasPlugin() != (name == "another plugin") {
				t.Errorf("a plugin opens it: %v", h.open(t).HasPlugin())
			}
			f = h.open(t)
			if name == "a passphrase" {
				if err := f.Unlock(bg, secret.New("open sesame"), 0); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := f.Get(bg, keyringtest.Key(1)); err != nil || got.Reveal() != canary {
				t.Errorf("%d bytes, %v", got.Len(), err)
			}
		})
	}
}

// TestPluginProgram (T5): a program that others can replace is not run, and a damaged
// keyring.plugin runs nothing.
func TestPluginProgram(t *testing.T) {
	h, f := withKeyFile(t)
	dir := t.TempDir()
	open := filepath.Join(dir, "age-plugin-open")
	if err := os.WriteFile(open, []byte("#!/bin/sh\necho x >"+dir+"/ran\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := keyring.FindPlugin(open, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := f.UsePlugin(bg, p, nil); !errors.Is(err, keyring.ErrUnsafe) {
		t.Errorf("others can write it: %v", err)
	}
	file := filepath.Join(filepath.Dir(h.config.KeyFile), "keyring.plugin")
	if err := os.Remove(h.config.KeyFile); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "# plugin: age-plugin-open\nAGE-PLUGIN-OPEN-1QQ\n", "AGE-PLUGIN-OPEN-1QQ\n# plugin: " + open + "\n",
		"# plugin: " + open + "\nAGE-SECRET-KEY-1QQ\n", "# plugin: " + open + "\nAGE-PLUGIN-OPEN-1QQ\nx"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := h.open(t).Set(bg, keyringtest.Key(1), secret.New("x")); !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("%q: %v, want ErrDamaged", text, err)
		}
	}
	if _, err := os.Stat(dir + "/ran"); err == nil {
		t.Error("the program was run")
	}
}

// TestFindPlugin: what can be typed after --identity.
func TestFindPlugin(t *testing.T) {
	good := pluginCalled(t, "good")
	dir := filepath.Dir(good.Program)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const identity, list = "AGE-PLUGIN-GOOD-1QQPZRY9X8", string(filepath.ListSeparator)
	for _, c := range []struct {
		named, path string
		want        keyring.Plugin
		err         error
	}{
		{"age-plugin-good", filepath.Join(dir, "none") + list + dir, good, nil},
		{good.Program, "", good, nil},
		{write("identity.txt", "# created: today\n"+identity+"\n"), dir, keyring.Plugin{Program: good.Program, Identity: identity}, nil},
		{write("age-plugin-good-identity", identity), dir, keyring.Plugin{Program: good.Program, Identity: identity}, nil},
		{"age-plugin-good", dir + list, keyring.Plugin{}, keyring.ErrUnsafe},
		{"age-plugin-none", dir, keyring.Plugin{}, keyring.ErrUnavailable},
		{"age-plugin-", dir, keyring.Plugin{}, keyring.ErrUnavailable},
		{"good", dir, keyring.Plugin{}, keyring.ErrInvalid},
		{"./age-plugin-good", dir, keyring.Plugin{}, keyring.ErrInvalid},
		{identity, dir, keyring.Plugin{}, keyring.ErrInvalid},
		{write("two.txt", identity+"\n"+identity+"\n"), dir, keyring.Plugin{}, keyring.ErrInvalid},
		{write("native.txt", "AGE-SECRET-KEY-1QQ\n"), dir, keyring.Plugin{}, keyring.ErrInvalid},
		{write("slash.txt", "AGE-PLUGIN-../GOOD-1QQ\n"), dir, keyring.Plugin{}, keyring.ErrInvalid},
		{write("empty.txt", ""), dir, keyring.Plugin{}, keyring.ErrInvalid},
	} {
		got, err := keyring.FindPlugin(c.named, c.path)
		if !errors.Is(err, c.err) || c.err == nil && got != c.want {
			t.Errorf("FindPlugin(%q): %v, %v; want %v, %v", c.named, got, err, c.want, c.err)
		}
	}
}
