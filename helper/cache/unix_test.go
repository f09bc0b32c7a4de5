//go:build unix

package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestModes (T1): the directory of tokens is refused, not mended, when others
// could reach it; what we make is 0700 and 0600 under every umask.
func TestModes(t *testing.T) {
	for _, mode := range []os.FileMode{0o700, 0o500, 0o710, 0o701, 0o750, 0o705, 0o770, 0o777} {
		dirs := home(t)
		if err := os.MkdirAll(dirs.State, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dirs.Run(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dirs.Run(), mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dirs)
		if private := mode&0o077 == 0; private != (err == nil) || !private && !errors.Is(err, ErrUnsafe) {
			t.Errorf("directory of mode %o: %v", mode, err)
		}
		if info, _ := os.Stat(dirs.Run()); info.Mode().Perm() != mode {
			t.Errorf("mode %o was changed to %o", mode, info.Mode().Perm())
		}
	}
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		dirs := home(t)
		old := unix.Umask(umask)
		s, err := Create(dirs)
		unix.Umask(old)
		if err != nil {
			t.Fatalf("umask %o: %v", umask, err)
		}
		unix.Umask(umask)
		put(t, s, entry("jama"))
		unix.Umask(old)
		for path, want := range map[string]os.FileMode{
			dirs.State: 0o700, dirs.Run(): 0o700, dirs.Locks(): 0o700, dirs.Locks() + "/" + lockName("jama"): 0o600,
			filepath.Join(dirs.Run(), ProfileKey("jama").file('t')): 0o600,
		} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("umask %o: %s is %v, %v; want %o", umask, path, info.Mode(), err, want)
			}
		}
		s.Close()
	}
}

// TestDirectoryLink (T1, T17): a link in place of the directory is refused.
func TestDirectoryLink(t *testing.T) {
	dirs, other := home(t), home(t)
	put(t, store(t, other), entry("jama"))
	if err := os.MkdirAll(dirs.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other.Run(), dirs.Run()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dirs); !errors.Is(err, ErrUnsafe) {
		t.Errorf("got %v, want ErrUnsafe", err)
	}
}

// TestOddEntries (F13): whatever stands in the place of an entry is a miss, and
// none of it blocks.
func TestOddEntries(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	put(t, s, entry("other"))
	path := filepath.Join(dirs.Run(), ProfileKey("jama").file('t'))
	for name, place := range map[string]func() error{
		"directory":     func() error { return os.Mkdir(path, 0o700) },
		"fifo":          func() error { return unix.Mkfifo(path, 0o600) },
		"symlink":       func() error { return os.Symlink(ProfileKey("other").file('t'), path) },
		"dangling link": func() error { return os.Symlink("nowhere", path) },
		"empty":         func() error { return os.WriteFile(path, nil, 0o600) },
		"open to all":   func() error { return os.WriteFile(path, make([]byte, 100), 0o644) },
		"one gibibyte": func() error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 1<<30)
		},
	} {
		if err := place(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := s.Get(Whole("jama"), nil)
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, ErrMiss) {
				t.Errorf("%s: %v, want a miss", name, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: Get hangs", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLinkRace (T17): when the directory is swapped for a link while it is open, all
// that is written goes where it went before, and nothing through the link.
func TestLinkRace(t *testing.T) {
	dirs, elsewhere := home(t), t.TempDir()
	s := store(t, dirs)
	put(t, s, entry("jama"))
	moved := dirs.Run() + ".moved"
	if err := errors.Join(os.Rename(dirs.Run(), moved), os.Symlink(elsewhere, dirs.Run())); err != nil {
		t.Fatal(err)
	}
	lock, err := s.Lock(context.Background(), "jama")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	next := entry("jama")
	next.Username = "next"
	if err := s.Put(context.Background(), lock, next); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) != 0 {
		t.Errorf("written through the link: %v, %v", left, err)
	}
	name := ProfileKey("jama").file('t')
	if info, err := os.Stat(filepath.Join(moved, name)); err != nil || info.Size() == 0 {
		t.Errorf("not written where the directory is: %v", err)
	}
	// A link in the place of the entry is replaced, not followed.
	target := filepath.Join(elsewhere, "target")
	writeFile(t, target, []byte("untouched"))
	if err := errors.Join(os.Remove(filepath.Join(moved, name)), os.Symlink(target, filepath.Join(moved, name))); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(context.Background(), lock, next); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "untouched" {
		t.Errorf("the link's target was written: %q", got)
	}
}

// TestLock (F15): one holder at a time, a bounded wait, and TryLock at once.
func TestLock(t *testing.T) {
	s := store(t, home(t))
	held, err := s.Lock(context.Background(), "jama")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.TryLock("jama"); !errors.Is(err, ErrLocked) {
		t.Errorf("TryLock of a held lock: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(ctx, "jama"); !errors.Is(err, ErrLocked) {
		t.Errorf("Lock of a held lock: %v", err)
	}
	if other, err := s.TryLock("other"); err != nil {
		t.Errorf("another profile's lock: %v", err)
	} else {
		other.Unlock()
	}
	got := make(chan error, 1)
	go func() {
		next, err := s.Lock(context.Background(), "jama")
		if err == nil {
			next.Unlock()
		}
		got <- err
	}()
	held.Unlock()
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the lock was given back, yet the next one does not get it")
	}
}

// TestLockFileDeleted (F16): whoever waited on a deleted lock file takes the one
// that took its place, so two never hold the lock of what is there now.
func TestLockFileDeleted(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	first, err := s.Lock(context.Background(), "jama")
	if err != nil {
		t.Fatal(err)
	}
	waiter := make(chan *Lock, 1)
	go func() {
		l, _ := s.Lock(context.Background(), "jama")
		waiter <- l
	}()
	time.Sleep(20 * time.Millisecond)
	if err := os.Remove(dirs.Locks() + "/" + lockName("jama")); err != nil {
		t.Fatal(err)
	}
	first.Unlock()
	second := <-waiter
	if second == nil {
		t.Fatal("the waiter failed")
	}
	if _, err := s.TryLock("jama"); !errors.Is(err, ErrLocked) {
		t.Errorf("two hold the lock: %v", err)
	}
	second.Unlock()
}

// TestSweep (F1): unfinished files are removed after an hour, not before.
func TestSweep(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	put(t, s, entry("jama"))
	old, young := filepath.Join(dirs.Run(), ".tmp-old"), filepath.Join(dirs.Run(), ".tmp-young")
	writeFile(t, old, nil)
	writeFile(t, young, nil)
	now := time.Now()
	if err := os.Chtimes(old, now, now.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := s.Sweep(now); n != 1 {
		t.Errorf("%d removed, want 1", n)
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("a young unfinished file was removed")
	}
	if _, err := s.Get(Whole("jama"), nil); err != nil {
		t.Errorf("the entry is gone: %v", err)
	}
}

// TestReadOnly (F2, F4): a home that cannot be written fails with an error and
// keeps the old entry. Root writes anywhere, so this must run as a user.
func TestReadOnly(t *testing.T) {
	if os.Geteuid() == 0 {
		asUser(t, nobody)
		return
	}
	dirs := home(t)
	s := store(t, dirs)
	put(t, s, entry("jama"))
	if err := os.Chmod(dirs.Run(), 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dirs.Run(), 0o700)
	lock, err := s.Lock(context.Background(), "jama")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if err := s.Put(context.Background(), lock, entry("jama")); err == nil {
		t.Error("Put into a read-only directory did not fail")
	}
	if _, err := s.Get(Whole("jama"), nil); err != nil {
		t.Errorf("the old entry is gone: %v", err)
	}
}

// TestRunRestored (S10): run/ that is moved away whole and comes back after a
// revocation is worth nothing, although every file in it is the one that it was.
func TestRunRestored(t *testing.T) {
	for name, revoke := range map[string]func(*Store, *Lock) error{
		"nothing":     func(*Store, *Lock) error { return nil },
		"one profile": func(s *Store, l *Lock) error { return s.Revoke(l, "jama") },
		"all":         func(s *Store, _ *Lock) error { return s.DropAll() },
	} {
		t.Run(name, func(t *testing.T) {
			dirs := home(t)
			put(t, store(t, dirs), entry("jama"))
			away := filepath.Join(t.TempDir(), "away")
			if err := os.Rename(dirs.Run(), away); err != nil {
				t.Fatal(err)
			}
			s := store(t, dirs)
			lock, err := s.Lock(context.Background(), "jama")
			if err != nil {
				t.Fatal(err)
			}
			err = revoke(s, lock)
			lock.Unlock()
			if err := errors.Join(err, os.RemoveAll(dirs.Run()), os.Rename(away, dirs.Run())); err != nil {
				t.Fatal(err)
			}
			_, err = store(t, dirs).Get(Whole("jama"), nil)
			if kept := err == nil; kept != (name == "nothing") {
				t.Errorf("%v", err)
			}
		})
	}
}
