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
)

// installed copies the executables to where an installation might put them: name
// in place, below a new directory.
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

// TestInstallation (T5): the front finds the engine beside itself, links resolved,
// or in ../libexec, and nowhere else; one that is missing or that somebody else
// could have put there is said, with what to do, and not run.
func TestInstallation(t *testing.T) {
	beside := map[string]string{"bin/credhelper": "credhelper", "bin/credhelper-engine": "credhelper-engine"}
	for _, c := range []struct {
		name   string
		places map[string]string
		change func(root string) error
		says   string // "" if it works
	}{
		{"beside", beside, nil, ""},
		{"in libexec", map[string]string{"bin/credhelper": "credhelper", "libexec/credhelper-engine": "credhelper-engine"}, nil, ""},
		{"by a link", map[string]string{"opt/credhelper": "credhelper", "opt/credhelper-engine": "credhelper-engine", "bin/other": "credhelper"},
			func(root string) error { return os.Symlink("../opt/credhelper", root+"/bin/credhelper") }, ""},
		{"missing", map[string]string{"bin/credhelper": "credhelper"}, nil, "credhelper-engine is missing beside "},
		{"in PATH only", map[string]string{"bin/credhelper": "credhelper", "path/credhelper-engine": "credhelper-engine"}, nil, "credhelper-engine is missing beside "},
		{"writable by others", beside, func(root string) error { return os.Chmod(root+"/bin/credhelper-engine", 0o757) }, "can be written by others"},
		{"writable by the group", beside, func(root string) error { return os.Chmod(root+"/bin/credhelper-engine", 0o775) }, "can be written by others"},
		{"a directory", map[string]string{"bin/credhelper": "credhelper"}, func(root string) error { return os.Mkdir(root+"/bin/credhelper-engine", 0o755) }, "is not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := installed(t, c.places)
			if c.change != nil {
				if err := c.change(root); err != nil {
					t.Fatal(err)
				}
			}
			h, err := program.NewHome(t.TempDir(), bin)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(h.Close)
			call := exec.Command(root+"/bin/credhelper", "list")
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
			if r.code != 9 || !strings.Contains(r.stderr, c.says) {
				t.Errorf("exit %d, %q; want 9 and %q", r.code, r.stderr, c.says)
			}
			if strings.Contains(c.says, "missing") && !strings.Contains(r.stderr, "\ninstall both files") {
				t.Errorf("%q does not say what to do", r.stderr)
			}
		})
	}
}

// TestEngineOfAnother: root or we own the engine, or it is not run. Only root can
// give one away.
func TestEngineOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	root := installed(t, map[string]string{"credhelper": "credhelper", "credhelper-engine": "credhelper-engine"})
	enterable(t, root)
	if err := os.Chown(root+"/credhelper-engine", stranger, stranger); err != nil {
		t.Fatal(err)
	}
	h := ordinaryHome(t)
	for _, uid := range []uint32{0, ordinary} {
		call := exec.Command(root+"/credhelper", "list")
		call.Env = h.Env
		if uid != 0 {
			call = as(call, uid)
		} else {
			call.Env = []string{"CREDHELPER_HOME=" + t.TempDir()}
		}
		r := finish(t, call)
		sane(t, "another's engine", r)
		if r.code != 9 || !strings.Contains(r.stderr, "belongs to another user") {
			t.Errorf("uid %d: %+v", uid, r)
		}
	}
}

// TestNoBorrowedRights (house rule of AT_SECURE): the program does not run with
// rights that its caller does not have, however it got them; root alone can make
// such a process.
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
