//go:build unix

package keyring_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestModesAreExplicit (T1): whatever the umask, directories are 0700 and files 0600.
func TestModesAreExplicit(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		base := t.TempDir()
		if err := os.Chmod(base, 0o700); err != nil {
			t.Fatal(err)
		}
		old := syscall.Umask(mask)
		h := newHome(t)
		h.config.Dir, h.config.KeyFile = filepath.Join(base, "keyring"), filepath.Join(base, "state", "keyring.key")
		f, err := keyring.OpenFile(h.config)
		if err == nil {
			err = f.UseKeyFile(t.Context())
		}
		if err == nil {
			err = f.Set(t.Context(), keyringtest.Key(1), secret.New("value"))
		}
		if err == nil {
			err = f.UsePassphrase(t.Context(), secret.New("p"))
		}
		syscall.Umask(old)
		if err != nil {
			t.Fatalf("umask %03o: %v", mask, err)
		}
		seen := 0
		walk(t, filepath.Dir(h.config.Dir), func(path string, info fs.FileInfo) {
			seen++
			want := fs.FileMode(0o600)
			if info.IsDir() {
				want = 0o700
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("umask %03o: %s has mode %04o, want %04o", mask, path, got, want)
			}
		})
		if seen < 4 {
			t.Errorf("umask %03o: only %d files: the test is blind", mask, seen)
		}
	}
}

func walk(t *testing.T, dir string, look func(path string, info fs.FileInfo)) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info fs.FileInfo, err error) error {
		if err == nil {
			look(path, info)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOpenDirectoryRefused (T1): a directory that others could read or write is refused by
// every call, not repaired, and nothing in it changes.
func TestOpenDirectoryRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o701, 0o704, 0o710, 0o720, 0o740, 0o755, 0o770, 0o777, 0o1777} {
		h, f := withKeyFile(t)
		set(t, f, 1, "value")
		if err := os.Chmod(h.config.Dir, mode&0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.OpenFile(h.config); !errors.Is(err, keyring.ErrUnsafe) {
			t.Errorf("mode %04o: OpenFile: %v, want ErrUnsafe", mode, err)
		}
		_, err := f.Get(t.Context(), keyringtest.Key(1))
		wantError(t, err, keyring.ErrUnsafe, h.config.Dir, "chmod 0700")
		wantError(t, f.Set(t.Context(), keyringtest.Key(1), secret.New(canary)), keyring.ErrUnsafe)
		wantError(t, f.Delete(t.Context(), keyringtest.Key(1)), keyring.ErrUnsafe)
		_, err = f.Names(t.Context())
		wantError(t, err, keyring.ErrUnsafe)
		if info, err := os.Stat(h.config.Dir); err != nil || info.Mode().Perm() != mode&0o777 {
			t.Errorf("mode %04o was changed to %v", mode, info.Mode())
		}
		if err := os.Chmod(h.config.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		wantValue(t, f, 1, "value")
	}
}

// TestLinkedDirectoryRefused (T1, T17): the keyring's directory may be neither a symbolic
// link nor a file.
func TestLinkedDirectoryRefused(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, "value")
	moved := h.config.Dir + ".moved"
	if err := errors.Join(os.Rename(h.config.Dir, moved), os.Symlink(moved, h.config.Dir)); err != nil {
		t.Fatal(err)
	}
	_, err := f.Get(t.Context(), keyringtest.Key(1))
	wantError(t, err, keyring.ErrUnsafe, "symbolic link")
	if err := errors.Join(os.Remove(h.config.Dir), os.WriteFile(h.config.Dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	wantError(t, f.Set(t.Context(), keyringtest.Key(1), secret.New("x")), keyring.ErrUnsafe)
	if err := errors.Join(os.Remove(h.config.Dir), os.Rename(moved, h.config.Dir)); err != nil {
		t.Fatal(err)
	}
}

// TestLinkedState (G4): the directory of the key file may be a link of ours, for example to
// another disk.
func TestLinkedState(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, "value")
	state := filepath.Dir(h.config.KeyFile)
	if err := errors.Join(os.Rename(state, state+".moved"), os.Symlink(state+".moved", state)); err != nil {
		t.Fatal(err)
	}
	wantValue(t, h.open(t), 1, "value")
	if err := h.open(t).UseKeyFile(t.Context()); err != nil {
		t.Errorf("a new key file there: %v", err)
	}
}

// TestForeignOwnerRefused (T1): what belongs to somebody else is not used. An ordinary user
// owns nothing of root's; root gives the directory away.
func TestForeignOwnerRefused(t *testing.T) {
	h := newHome(t)
	if os.Geteuid() == 0 {
		f := h.open(t)
		if err := f.UseKeyFile(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(h.config.Dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
	} else {
		h.config.Dir = "/" // root's; its mode does not matter, the owner is looked at first
	}
	_, err := keyring.OpenFile(h.config)
	wantError(t, err, keyring.ErrUnsafe, "belongs to uid")
}

// TestBadItemFile (T17, F13): if something else is in the place of an item, that is an error
// at once, never a hang and never a value.
func TestBadItemFile(t *testing.T) {
	for _, c := range []struct {
		name string
		put  func(path, other string) error
		want error
	}{
		{"symbolic link to another item", func(path, other string) error { return os.Symlink(other, path) }, keyring.ErrUnsafe},
		{"symbolic link to nothing", func(path, _ string) error { return os.Symlink("/none", path) }, keyring.ErrUnsafe},
		{"pipe without a writer", func(path, _ string) error { return syscall.Mkfifo(path, 0o600) }, keyring.ErrUnsafe},
		{"directory", func(path, _ string) error { return os.Mkdir(path, 0o700) }, keyring.ErrUnsafe},
		{"readable by others", func(path, other string) error { return copyAs(path, other, 0o644) }, keyring.ErrUnsafe},
		{"writable by the group", func(path, other string) error { return copyAs(path, other, 0o620) }, keyring.ErrUnsafe},
		{"empty", func(path, _ string) error { return os.WriteFile(path, nil, 0o600) }, keyring.ErrDamaged},
		{"text", func(path, _ string) error { return os.WriteFile(path, []byte("hello\n"), 0o600) }, keyring.ErrDamaged},
		{"one byte more than an item can have", func(path, _ string) error {
			return os.WriteFile(path, make([]byte, keyring.MaxSecret+4097), 0o600)
		}, keyring.ErrDamaged},
		{"1 GiB of nothing", func(path, _ string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<30))
		}, keyring.ErrDamaged},
		{"another item's file", func(path, other string) error { return copyAs(path, other, 0o600) }, keyring.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, f := withKeyFile(t)
			set(t, f, 2, "the other one's secret")
			if err := c.put(h.item(1), h.item(2)); err != nil {
				t.Fatal(err)
			}
			if took := memory(func() {
				got, err := f.Get(t.Context(), keyringtest.Key(1))
				wantError(t, err, c.want)
				if !got.IsZero() {
					t.Errorf("%d bytes", got.Len())
				}
			}); took > 4<<20 {
				t.Errorf("it took %d bytes of memory", took)
			}
			if _, err := os.Lstat(h.item(1)); err != nil {
				t.Errorf("it was not left in place: %v", err)
			}
			if c.name != "directory" { // storing the secret again repairs it
				set(t, f, 1, "stored again")
				wantValue(t, f, 1, "stored again")
			}
			wantValue(t, f, 2, "the other one's secret")
		})
	}
}

func copyAs(path, from string, mode fs.FileMode) error {
	data, err := os.ReadFile(from)
	return errors.Join(err, os.WriteFile(path, data, mode), os.Chmod(path, mode))
}

// TestWriteReplacesLinks (T17): a symbolic or hard link in place of an item is
// replaced, not written through.
func TestWriteReplacesLinks(t *testing.T) {
	for name, link := range map[string]func(old, new string) error{"symbolic": os.Symlink, "hard": os.Link} {
		h, f := withKeyFile(t)
		target := filepath.Join(filepath.Dir(h.config.KeyFile), "target")
		if err := errors.Join(os.WriteFile(target, []byte("untouched"), 0o600), link(target, h.item(1))); err != nil {
			t.Fatal(err)
		}
		set(t, f, 1, "value")
		wantValue(t, f, 1, "value")
		if data, err := os.ReadFile(target); err != nil || string(data) != "untouched" {
			t.Errorf("%s link: the target holds %q, %v", name, data, err)
		}
	}
}

// TestBadKeyFile: whoever can read or replace the key file has every secret.
func TestBadKeyFile(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(path string) error
		want error
	}{
		{"readable by the group", func(p string) error { return os.Chmod(p, 0o640) }, keyring.ErrUnsafe},
		{"readable by all", func(p string) error { return os.Chmod(p, 0o604) }, keyring.ErrUnsafe},
		{"its folder open to others", func(p string) error { return os.Chmod(filepath.Dir(p), 0o755) }, keyring.ErrUnsafe},
		{"a symbolic link", func(p string) error { return errors.Join(os.Rename(p, p+"2"), os.Symlink(p+"2", p)) }, keyring.ErrUnsafe},
		{"empty", func(p string) error { return os.Truncate(p, 0) }, keyring.ErrKeyGone},
		{"cut", func(p string) error { return os.Truncate(p, 40) }, keyring.ErrKeyGone},
		{"too long", func(p string) error { return os.Truncate(p, 5000) }, keyring.ErrKeyGone},
		{"another key", func(p string) error {
			return os.WriteFile(p, []byte("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33\n"), 0o600)
		}, keyring.ErrDamaged},
		{"gone", os.Remove, keyring.ErrLocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, f := withKeyFile(t)
			set(t, f, 1, "value")
			if err := c.do(h.config.KeyFile); err != nil {
				t.Fatal(err)
			}
			later := h.open(t)
			_, err := later.Get(t.Context(), keyringtest.Key(1))
			wantError(t, err, c.want)
			if strings.Contains(err.Error(), "AGE-SECRET") {
				t.Error("the error quotes the key")
			}
			// A lost or damaged key is never replaced silently by a new one (F11).
			if c.name != "another key" {
				wantError(t, later.Set(t.Context(), keyringtest.Key(2), secret.New("x")), c.want)
				wantError(t, later.UseKeyFile(t.Context()), c.want)
				wantError(t, later.UsePassphrase(t.Context(), secret.New("x")), c.want)
			}
		})
	}
}

// TestReadOnly (F4): with a read-only keyring everything that only reads works. Modes stop
// only an ordinary user; for root the lock cannot be opened for writing, which stops every
// change at the same point.
func TestReadOnly(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, "value")
	if os.Geteuid() == 0 {
		if err := os.RemoveAll(h.config.Dir + "/lock"); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(h.config.Dir+"/lock/full", 0o700); err != nil { // cannot be opened for writing, not even by root
			t.Fatal(err)
		}
	} else if err := errors.Join(os.Chmod(h.config.Dir, 0o500), os.Chmod(h.config.Dir+"/lock", 0o400)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(h.config.Dir, 0o700) })
	later := h.open(t)
	wantValue(t, later, 1, "value")
	if names, err := later.Names(t.Context()); err != nil || len(names) != 1 {
		t.Errorf("Names = %q, %v", names, err)
	}
	wantError(t, later.Set(t.Context(), keyringtest.Key(1), secret.New(canary)), keyring.ErrUnavailable)
	wantError(t, later.Delete(t.Context(), keyringtest.Key(1)), keyring.ErrUnavailable)
	wantValue(t, later, 1, "value")
}

// TestLockHolder (F15): a stopped process that holds the lock delays a writer up to the
// bound, and readers not at all.
func TestLockHolder(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, "value")
	lock, err := os.OpenFile(filepath.Join(h.config.Dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	wantError(t, f.Set(ctx, keyringtest.Key(1), secret.New("x")), keyring.ErrUnavailable, "another process holds")
	if ctx.Err() != nil {
		t.Error("the writer waited for all the time that there was")
	}
	wantValue(t, f, 1, "value")
	lock.Close()
	set(t, f, 1, "after")
	wantValue(t, f, 1, "after")
}
