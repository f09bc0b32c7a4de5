//go:build unix

package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestSourceFile: the file must belong to root or us, and nobody else may write it; links
// are followed (Kubernetes mounts are links), and nothing blocks.
func TestSourceFile(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(path string) error
		want error
	}{
		{"private", put(canary, 0o600), nil},
		{"with a line end", put(canary+"\n", 0o400), nil},
		{"readable by all, as a mount is", put(canary, 0o444), nil},
		{"behind two links, as Kubernetes mounts it", func(path string) error {
			dir := filepath.Dir(path)
			return errors.Join(os.Mkdir(dir+"/..2026", 0o755), put(canary, 0o644)(dir+"/..2026/secret"),
				os.Symlink("..2026", dir+"/..data"), os.Symlink("..data/secret", path))
		}, nil},
		{"64 KiB", put(strings.Repeat("x", keyring.MaxSecret), 0o600), nil},
		{"longer", put(strings.Repeat("x", keyring.MaxSecret+1), 0o600), keyring.ErrInvalid},
		{"endless", func(path string) error { return os.Symlink("/dev/zero", path) }, keyring.ErrUnsafe},
		{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, keyring.ErrUnsafe},
		{"folder", func(path string) error { return os.Mkdir(path, 0o700) }, keyring.ErrUnsafe},
		{"writable by all", put(canary, 0o602), keyring.ErrUnsafe},
		{"link to a writable one", func(path string) error {
			return errors.Join(put(canary, 0o666)(path+".open"), os.Symlink(path+".open", path))
		}, keyring.ErrUnsafe},
		{"somebody else's", foreign, keyring.ErrUnsafe},
		{"missing", func(string) error { return nil }, keyring.ErrNotFound},
		{"link to nothing", func(path string) error { return os.Symlink("/none", path) }, keyring.ErrNotFound},
		{"empty", put("", 0o600), keyring.ErrInvalid},
		{"only a line end", put("\n", 0o600), keyring.ErrInvalid},
		{"byte order mark", put("\ufeff"+canary, 0o600), keyring.ErrInvalid},
		{"two lines", put(canary+"\nmore\n", 0o600), keyring.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secret")
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			if took := memory(func() {
				got, err := read(t, keyring.Surroundings{}, "file", path)
				if !errors.Is(err, c.want) || err == nil && got != canary && len(got) != keyring.MaxSecret {
					t.Errorf("%d bytes, %v; want %v", len(got), err, c.want)
				}
			}); took > 4<<20 {
				t.Errorf("it took %d bytes of memory", took)
			}
		})
	}
}

func put(content string, mode os.FileMode) func(string) error {
	return func(path string) error {
		return errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chmod(path, mode))
	}
}

// foreign gives path to somebody else. An ordinary user cannot do that, but can let
// everybody write it, which must be refused as well.
func foreign(path string) error {
	if os.Geteuid() == 0 {
		return errors.Join(put(canary, 0o644)(path), os.Chown(path, 12345, -1))
	}
	return put(canary, 0o666)(path)
}

// TestReadKey: a private key may have several lines or be binary, and is returned unchanged.
func TestReadKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	for _, content := range []string{"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "\x30\x82\x00\xff"} {
		if err := put(content, 0o600)(path); err != nil {
			t.Fatal(err)
		}
		source, err := keyring.NewSource([]string{"file", path}, keyring.Surroundings{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := source.ReadKey(t.Context()); err != nil || got.Reveal() != content {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	source, _ := keyring.NewSource([]string{"file", path}, keyring.Surroundings{})
	if _, err := source.ReadKey(t.Context()); !errors.Is(err, keyring.ErrInvalid) {
		t.Errorf("empty: %v", err)
	}
}

// script writes a program for TestSourceCommand.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSourceCommand: what a command may do, and what it is stopped for. Those that would not
// end are stopped for another reason than their time.
func TestSourceCommand(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		err              error
	}{
		{"prints a line", "echo value", "value", nil},
		{"prints without a line end", "printf value", "value", nil},
		{"its stdin is empty", "cat; echo value", "value", nil},
		{"its stderr goes nowhere", "echo " + canary + " >&2; echo value", "value", nil},
		{"prints nothing", "true", "", keyring.ErrInvalid},
		{"prints two lines", "echo a; echo b", "", keyring.ErrInvalid},
		{"fails after printing", "echo " + canary + "; exit 3", "", keyring.ErrUnavailable},
		{"dies of a signal", "kill -9 $$", "", keyring.ErrUnavailable},
		{"prints without end", "yes " + canary, "", keyring.ErrInvalid},
		{"leaves a child that holds its output", "sleep 60 & echo value", "", keyring.ErrUnavailable},
		{"runs where nothing is found by accident", "pwd", "/", nil},
		{"gets no shell", "echo value", "value", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			around := keyring.Surroundings{Environ: []string{"PATH=/usr/bin:/bin"}}
			got, err := read(t, around, "command", script(t, c.body), "$(echo "+canary+")", ";", "&&")
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v; want %q, %v", got, err, c.want, c.err)
			}
			if err != nil && strings.Contains(err.Error(), "did not end within") {
				t.Errorf("stopped at its limit only: %v", err)
			}
		})
	}
}

// TestSourceCommandTimeout: a command that does not end is killed with all its children, at
// its own limit or at the caller's.
func TestSourceCommandTimeout(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	path := script(t, fmt.Sprintf("trap '' TERM INT HUP; sleep 61 & echo $! $$ >%s; wait; sleep 62", pids))
	source, err := keyring.NewSource([]string{"command", path}, keyring.Surroundings{Environ: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"its own": "it did not end within 3s", "the caller's": "there was no time left for it"} {
		_ = os.Remove(pids)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if name == "the caller's" {
			go func() { // once it is running
				for text, _ := os.ReadFile(pids); !bytes.HasSuffix(text, []byte("\n")) && ctx.Err() == nil; text, _ = os.ReadFile(pids) {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
		}
		_, err = source.Read(ctx)
		if !errors.Is(err, keyring.ErrUnavailable) || !strings.Contains(err.Error(), says) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("%s limit: %v, the caller's: %v", name, err, ctx.Err())
		}
		cancel()
		if _, err := source.Read(ctx); err == nil || !strings.Contains(err.Error(), "there was no time left for it") {
			t.Errorf("%s limit, afterwards: %v", name, err)
		}
		text, err := os.ReadFile(pids)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range strings.Fields(string(text)) {
			pid, _ := strconv.Atoi(field)
			if !gone(pid) {
				t.Errorf("%s limit: process %d is still there", name, pid)
			}
		}
	}
}

// gone waits until a process has ended, reaped or not.
func gone(pid int) bool {
	for range 3000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil && syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ") {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// TestSourceCommandEnvironment (T7): the child gets what its tools need and nothing else.
func TestSourceCommandEnvironment(t *testing.T) {
	out := filepath.Join(t.TempDir(), "environment")
	path := script(t, "env >"+out+"; echo value")
	around := keyring.Surroundings{Environ: []string{
		"PATH=/usr/bin::.:bin:/bin", "HOME=/home/a", "SECRET=" + canary, "CREDHELPER_HOME=/x", "AWS_SECRET_ACCESS_KEY=" + canary,
		"LD_PRELOAD=/tmp/x.so", "BASH_ENV=/tmp/x", "PYTHONPATH=/tmp", "GNUPGHOME=/g", "LC_ALL=C",
	}}
	if _, err := read(t, around, "command", path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PATH=/usr/bin:/bin\n", "HOME=/home/a\n", "GNUPGHOME=/g\n", "LC_ALL=C\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the child misses %q", want)
		}
	}
	for _, bad := range []string{canary, "CREDHELPER", "LD_PRELOAD", "BASH_ENV", "PYTHONPATH"} {
		if strings.Contains(string(text), bad) {
			t.Errorf("the child has %s", bad)
		}
	}
}

// TestSourceCommandWithoutEnvironment: where none of the variables is set that a command may
// get, it gets none, and not those of this process.
func TestSourceCommandWithoutEnvironment(t *testing.T) {
	t.Setenv("MY_SECRET", canary)
	out := filepath.Join(t.TempDir(), "environment")
	path := script(t, "env >"+out+"; echo value")
	for _, environ := range [][]string{nil, {"MY_SECRET=" + canary}} {
		if _, err := read(t, keyring.Surroundings{Environ: environ}, "command", path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil || !strings.Contains(string(text), "PWD=/") || strings.Contains(string(text), canary) {
			t.Errorf("the child has %q, %v", text, err)
		}
	}
}

// TestSourceCommandNames: a command also gets the variables that its profile names, and only
// those.
func TestSourceCommandNames(t *testing.T) {
	around := keyring.Surroundings{Names: []string{"VAULT_ADDR", "NOT_SET"}, Environ: []string{
		"PATH=/usr/bin:/bin", "VAULT_ADDR=https://vault.example", "VAULT_TOKEN=" + canary}}
	value, err := read(t, around, "command", script(t, `echo "$VAULT_ADDR+$VAULT_TOKEN+${NOT_SET-unset}"`))
	if err != nil || value != "https://vault.example++unset" {
		t.Errorf("%q, %v", value, err)
	}
}

// TestSourceCommandFailed: what a failing command wrote is passed to those who asked for it,
// and is not in the error. A process that it leaves behind with its stderr open delays
// nobody.
func TestSourceCommandFailed(t *testing.T) {
	var out, said string
	around := keyring.Surroundings{Environ: []string{"PATH=/usr/bin:/bin"}, Failed: func(stdout, stderr secret.Text) {
		out, said = stdout.Reveal(), stderr.Reveal()
	}}
	for _, body := range []string{
		"echo partly; echo why >&2; exit 3",
		"echo partly; echo why >&2; sleep 60 >/dev/null & exit 3",
	} {
		out, said = "", ""
		began := time.Now()
		_, err := read(t, around, "command", script(t, body))
		if !errors.Is(err, keyring.ErrUnavailable) || !strings.HasSuffix(err.Error(), "it failed (exit status 3)") || out != "partly\n" || said != "why\n" {
			t.Errorf("%s: stdout %q, stderr %q, %v", body, out, said, err)
		}
		if took := time.Since(began); took > 30*time.Second { // half as long as the process that it leaves behind
			t.Errorf("%s: it took %v", body, took)
		}
	}
	said = ""
	if _, err := read(t, around, "command", script(t, "echo warning >&2; echo value")); err != nil || said != "" {
		t.Errorf("a command that worked: %v, told %q", err, said)
	}
	if _, _ = read(t, around, "command", script(t, "yes >&2; exit 3")); len(said) > 4<<10 {
		t.Errorf("%d bytes of stderr", len(said))
	}
}

// TestSourceCommandProgram (T5): a program that others can replace is not run, whether they
// can write the file, a directory in its path, or a link.
func TestSourceCommandProgram(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	for name, change := range map[string]func(string) error{
		"writable by all":                func(p string) error { return os.Chmod(p, 0o777) },
		"in a folder that all can write": func(p string) error { return os.Chmod(filepath.Dir(p), 0o777) },
		"behind a link into such a folder": func(p string) error {
			open := filepath.Join(t.TempDir(), "open")
			return errors.Join(os.Mkdir(open, 0o700), os.Rename(p, open+"/program"), os.Symlink(open+"/program", p), os.Chmod(open, 0o777))
		},
		"behind another user's link": func(p string) error {
			if os.Geteuid() != 0 { // without the right to give a link away: a broken link
				return errors.Join(os.Remove(p), os.Symlink("none", p))
			}
			return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p), os.Lchown(p, 12345, -1))
		},
		"a folder":       func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
		"gone":           os.Remove,
		"not executable": func(p string) error { return os.Chmod(p, 0o600) },
	} {
		path := script(t, "echo x >"+ran+"; echo value")
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, keyring.Surroundings{}, "command", path); !errors.Is(err, keyring.ErrUnsafe) && !errors.Is(err, keyring.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(ran); err == nil {
			t.Fatalf("%s: it ran", name)
		}
	}
}
