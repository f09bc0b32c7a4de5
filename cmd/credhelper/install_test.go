//go:build linux

package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

// installed copies the executables to where an installation might put them: name to place,
// below a new directory.
func installed(t *testing.T, places map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for place, name := range places {
		content, err := os.ReadFile(filepath.Join(bin, name))
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, place)), 0o755), os.WriteFile(filepath.Join(root, place), content, 0o755))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestInstallation (T5): the front finds the engine beside itself, with links resolved, or
// in ../libexec, and nowhere else. If it is missing, or others could have written it, the
// error says what to do, and nothing is executed.
func TestInstallation(t *testing.T) {
	beside := map[string]string{"bin/credhelper": "credhelper", "bin/credhelper-engine": "credhelper-engine", "bin/credhelper-plugin": "credhelper-plugin"}
	engine := map[string]string{"bin/credhelper": "credhelper", "bin/credhelper-engine": "credhelper-engine"}
	for _, c := range []struct {
		name   string
		places map[string]string
		change func(root string) error
		says   string // "" if it works
		by     string // the arguments; "" is "list"
	}{
		{"beside", beside, nil, "", ""},
		{"in libexec", map[string]string{"bin/credhelper": "credhelper", "libexec/credhelper-engine": "credhelper-engine"}, nil, "", ""},
		{"by a link", map[string]string{"opt/credhelper": "credhelper", "opt/credhelper-engine": "credhelper-engine", "bin/other": "credhelper"},
			func(root string) error { return os.Symlink("../opt/credhelper", root+"/bin/credhelper") }, "", ""},
		{"missing", map[string]string{"bin/credhelper": "credhelper"}, nil, "credhelper-engine is missing beside ", ""},
		{"in PATH only", map[string]string{"bin/credhelper": "credhelper", "path/credhelper-engine": "credhelper-engine"}, nil, "credhelper-engine is missing beside ", ""},
		{"writable by others", beside, func(root string) error { return os.Chmod(root+"/bin/credhelper-engine", 0o757) }, "others can write it", ""},
		{"in a directory that others can write", beside, func(root string) error { return os.Chmod(root+"/bin", 0o777) }, "/bin has mode 0777: others can write it", ""},
		{"below a directory that others can write", beside, func(root string) error { return os.Chmod(root, 0o777) }, " has mode 0777: others can write it", ""},
		{"a directory", map[string]string{"bin/credhelper": "credhelper"}, func(root string) error { return os.Mkdir(root+"/bin/credhelper-engine", 0o755) }, "is not a regular file", ""},
		{"for another machine", beside, func(root string) error {
			// An ELF header of 32 bits and of the highest byte first.
			return os.WriteFile(root+"/bin/credhelper-engine", append([]byte("\x7fELF\x01\x02\x01"), make([]byte, 100)...), 0o755)
		}, "/bin/credhelper-engine is damaged or not for this machine", ""},
		{"cut off by a full disk", beside, func(root string) error { return os.Truncate(root+"/bin/credhelper-engine", 0) }, "/bin/credhelper-engine is damaged or not for this machine", ""},
		{"no plugin, and none wanted", engine, nil, "", "list"},
		{"no plugin", engine, nil, "credhelper-plugin is missing beside ", "plugin"},
		{"no plugin, by the engine", engine, nil, "credhelper-plugin is missing beside ", "-v plugin"},
		{"no plugin, the contract", engine, nil, "", "plugin --proto"},
		{"no engine, plugin", map[string]string{"bin/credhelper": "credhelper", "bin/credhelper-plugin": "credhelper-plugin"}, nil, "plugin is for connectors", "plugin"},
		{"both in libexec", map[string]string{"bin/credhelper": "credhelper", "libexec/credhelper-engine": "credhelper-engine", "libexec/credhelper-plugin": "credhelper-plugin"},
			nil, "plugin is for connectors", "-v plugin"},
		{"plugin writable by others", beside, func(root string) error { return os.Chmod(root+"/bin/credhelper-plugin", 0o757) }, "others can write it", "plugin"},
		{"the same, by the engine", beside, func(root string) error { return os.Chmod(root+"/bin/credhelper-plugin", 0o757) }, "others can write it", "-v plugin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := installed(t, c.places)
			if c.change != nil {
				if err := c.change(root); err != nil {
					t.Fatal(err)
				}
			}
			h := program.TestHome(t, bin)
			args := strings.Fields(c.by)
			if len(args) == 0 {
				args = []string{"list"}
			}
			call := exec.Command(root+"/bin/credhelper", args...)
			call.Dir = t.TempDir()
			call.Env = append(h.Env, "PATH="+root+"/path")
			r := finish(t, call)
			if c.says == "" {
				if r.code != 0 {
					t.Errorf("%+v", r)
				}
				return
			}
			sane(t, c.name, r)
			code := 9
			if strings.Contains(c.says, "for connectors") { // it was found and executed
				code = 2
			}
			if r.code != code || !strings.Contains(r.stderr, c.says) {
				t.Errorf("exit %d, %q; want %d and %q", r.code, r.stderr, code, c.says)
			}
			if (strings.Contains(c.says, "missing") || strings.Contains(c.says, "damaged")) && !strings.Contains(r.stderr, "\ninstall all three files") {
				t.Errorf("%q does not say what to do", r.stderr)
			}
		})
	}
}

// TestEachFileMissing: without one of the three files everything else works, and the error
// names the missing file.
func TestEachFileMissing(t *testing.T) {
	for _, missing := range program.Executables[1:] {
		h := ownHome(t)
		if err := os.Remove(filepath.Join(h.Bin, missing)); err != nil {
			t.Fatal(err)
		}
		client, err := connector.Dial(connector.Config{Path: filepath.Join(h.Bin, "credhelper"), Env: append(h.Env, "XDG_RUNTIME_DIR="+sockets(t))})
		if err == nil {
			client.Close()
		}
		switch missing {
		case "credhelper-plugin":
			if _, e := h.Run("", "token", "jama"); e != nil {
				t.Error(e)
			}
			if !errors.Is(err, protocol.ErrPolicy) || !strings.Contains(err.Error(), "credhelper-plugin is missing beside "+h.Bin) {
				t.Errorf("a connector hears %v", err)
			}
		default:
			if err != nil {
				t.Errorf("without %s a connector hears %v", missing, err)
			}
			r := finish(t, h.Command("list"))
			sane(t, missing, r)
			if r.code != 9 || !strings.Contains(r.stderr, missing+" is missing beside "+h.Bin) {
				t.Errorf("without %s: %+v", missing, r)
			}
		}
	}
}

// TestEngineOfAnother: the engine must belong to root or to us, or it is not executed. Only
// root can give a file away.
func TestEngineOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	root := installed(t, map[string]string{"credhelper": "credhelper", "credhelper-engine": "credhelper-engine", "credhelper-plugin": "credhelper-plugin"})
	enterable(t, root)
	for _, name := range program.Executables[1:] {
		if err := os.Chown(filepath.Join(root, name), stranger, stranger); err != nil {
			t.Fatal(err)
		}
	}
	h := ordinaryHome(t)
	for _, c := range []struct {
		uid  uint32
		verb string
	}{{0, "list"}, {ordinary, "list"}, {0, "plugin"}, {ordinary, "plugin"}} {
		uid := c.uid
		call := exec.Command(root+"/credhelper", c.verb)
		call.Env = h.Env
		if uid != 0 {
			call = as(call, uid)
		} else {
			call.Env = []string{"CREDHELPER_HOME=" + t.TempDir()}
		}
		r := finish(t, call)
		sane(t, "another's engine", r)
		if r.code != 9 || !strings.Contains(r.stderr, "neither root nor you") {
			t.Errorf("uid %d, %s: %+v", uid, c.verb, r)
		}
	}
}

// TestNoBorrowedRights (AT_SECURE): the program does not run with rights that its caller
// does not have, however it got them. Only root can start such a process.
func TestNoBorrowedRights(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	root := installed(t, map[string]string{"credhelper": "credhelper", "credhelper-engine": "credhelper-engine"})
	enterable(t, root)
	h := ordinaryHome(t)
	for _, mode := range []os.FileMode{0o755 | os.ModeSetuid, 0o755 | os.ModeSetgid} {
		if err := os.Chmod(root+"/credhelper", mode); err != nil {
			t.Fatal(err)
		}
		call := as(exec.Command(root+"/credhelper", "token", "jama"), ordinary)
		call.Env = h.Env
		r := finish(t, call)
		sane(t, mode.String(), r)
		if r.code != 9 || !strings.Contains(r.stderr, "set-user-id") {
			t.Errorf("%v: %+v", mode, r)
		}
	}
}

// TestReadmeInstall: what README says about a clone and an archive, in an empty HOME and
// with nothing else set, leads to an installation that stores a secret and shows its pages.
// Once the pages were in the directory of the secrets, which was then open to others.
func TestReadmeInstall(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to string }{
		{"clone", "install -d ~/.local/bin", "```"},
		{"archive", "mkdir -p ~/.local", "`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, rest, found := strings.Cut(string(readme), c.from)
			lines, _, ends := strings.Cut(rest, c.to)
			if !found || !ends {
				t.Fatalf("README.md does not say %q", c.from)
			}
			dir, home := t.TempDir(), t.TempDir()
			prepare := `cp -R "$BIN" bin; cp -R "$DOCS" docs`
			if c.name == "archive" {
				prepare = `mkdir -p a/bin a/share/credhelper-docs; cp "$BIN"/credhelper* a/bin/; cp -R "$DOCS"/. a/share/credhelper-docs/
tar -czf credhelper_1_linux_amd64.tar.gz a`
			}
			cmd := exec.Command("sh", "-euc", prepare+"\n"+c.from+lines+`
PATH=~/.local/bin:$PATH
credhelper keyring use file
printf s3cret | credhelper add work --preset oauth2 --url https://api.example.com --client-id c \
	--set token_url=https://api.example.com/token --no-verify --secret-stdin
credhelper help grants
credhelper status`)
			docs, err := filepath.Abs("../../docs")
			if err != nil {
				t.Fatal(err)
			}
			cmd.Dir = dir
			cmd.Env = []string{"HOME=" + home, "PATH=/usr/bin:/bin", "BIN=" + bin, "DOCS=" + docs}
			out, err := cmd.CombinedOutput()
			for _, want := range []string{`Added profile "work"`, "# Grants", "1 profile"} {
				if err != nil || !strings.Contains(string(out), want) {
					t.Fatalf("%v, no %q: %.2000s", err, want, out)
				}
			}
		})
	}
}
