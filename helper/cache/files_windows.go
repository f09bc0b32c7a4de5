package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/windows"
)

// Untried: this system is cross-compiled and vetted only. Access is what the
// user's profile directory grants; there are no modes to check.

type directory struct{ path string }

func openDirectory(path string) (directory, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return directory{}, err
	}
	if !info.IsDir() {
		return directory{}, &finding{ErrUnsafe, path + " is a link or not a directory"}
	}
	return directory{path}, nil
}

func makeDirectory(path string) (directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return directory{}, err
	}
	return openDirectory(path)
}

func (d directory) close() {}

func (d directory) read(name string, limit int) ([]byte, error) {
	path := filepath.Join(d.path, name)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &finding{ErrUnsafe, path + " is not a regular file"}
	}
	if info.Size() > int64(limit) {
		return nil, &finding{ErrMiss, name + " is too large"}
	}
	return os.ReadFile(path)
}

func (d directory) writeTemp(name string, content []byte) error {
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// rename replaces by MoveFileEx, which os.Rename uses here.
func (d directory) rename(from, to string) error {
	return os.Rename(filepath.Join(d.path, from), filepath.Join(d.path, to))
}

func (d directory) remove(name string) error {
	err := os.Remove(filepath.Join(d.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sweep removes the unfinished files that killed processes left more than an
// hour ago (F1) and returns how many there were.
func (s *Store) Sweep(now time.Time) (removed int) {
	for _, name := range s.names(tempPrefix) {
		info, err := os.Lstat(filepath.Join(s.dir.path, name))
		if err == nil && now.Sub(info.ModTime()) > staleTemp && s.dir.remove(name) == nil {
			removed++
		}
	}
	return removed
}

// DropAll removes every entry and every route: credhelper lock and cache clear.
func (s *Store) DropAll() error {
	for _, name := range append(s.names("t-"), s.names("r-")...) {
		if err := s.dir.remove(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) names(prefix string) (names []string) {
	entries, _ := os.ReadDir(s.dir.path)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

func stampOf(path string) Stamp {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{Path: path}
	}
	// No ctime here: the time of the last write, and any number for "exists".
	return Stamp{Path: path, Inode: 1, Ctime: info.ModTime().UnixNano(), Size: info.Size()}
}

// Lock is a held lock of one profile.
type Lock struct {
	file *os.File
	path string
}

func (d directory) acquire(ctx context.Context, name string, wait bool) (*Lock, error) {
	path := filepath.Join(d.path, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
		if err == nil {
			return &Lock{f, path}, nil
		}
		if !wait || ctx.Err() != nil {
			f.Close()
			return nil, ErrLocked
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Unlock gives the lock back.
func (l *Lock) Unlock() { l.file.Close() }

func (l *Lock) touch() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	_, err = l.file.WriteAt([]byte{0}, info.Size())
	return err
}

func (l *Lock) stamp() Stamp { return stampOf(l.path) }
