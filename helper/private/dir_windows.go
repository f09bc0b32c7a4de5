package private

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/windows"

	"github.com/credhelper/credhelper/helper/trust"
)

// Dir is an open directory of ours. Windows has no modes: a folder below the user's
// profile is protected by the access control list that it inherits, which is not
// checked here.
type Dir struct {
	root *os.Root
	path string
}

// A rule is not used on this system.
type rule struct{}

var closed, guarded, anybodys rule

func open(path string, _ rule) (Dir, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Dir{}, err
	}
	if !info.IsDir() {
		return Dir{}, trust.Unsafe(path, "is a symbolic link or not a directory")
	}
	root, err := os.OpenRoot(path)
	return Dir{root, path}, err
}

func makeAll(path string) error { return os.MkdirAll(path, dirMode) }

// Close closes the directory.
func (d Dir) Close() { d.root.Close() }

// Read reads a file of at most limit bytes. Anything but a regular file is ErrUnsafe, a
// larger one ErrTooLarge.
func (d Dir) Read(name string, limit int) ([]byte, error) {
	f, err := d.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(content) > limit {
		err = trust.TooLarge(d.At(name), limit)
	}
	return content, err
}

// ReadAt fills b from a file.
func (d Dir) ReadAt(name string, b []byte, offset int64) error {
	f, err := d.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(b, offset)
	return err
}

// OpenFile opens a regular file, or creates it with os.O_CREATE.
func (d Dir) OpenFile(name string, flags int) (*os.File, error) {
	info, err := d.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, trust.Unsafe(d.At(name), "is not a regular file")
	}
	return d.root.OpenFile(name, flags, fileMode)
}

// create writes a new file, or leaves none.
func (d Dir) create(name string, content []byte, sync bool) (release func(), err error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(content)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = d.root.Remove(name)
	}
	return func() {}, err
}

// removeAbandoned does nothing on this system: age decides.
func (d Dir) removeAbandoned(string) (removed, live bool) { return false, false }

// Rename renames from to to, replacing it.
func (d Dir) Rename(from, to string) error { return d.root.Rename(from, to) }

func (d Dir) remove(name string) error { return d.root.Remove(name) }

// Sync does nothing: a directory cannot be flushed on this system.
func (d Dir) Sync() error { return nil }

// Names lists the directory, in no particular order.
func (d Dir) Names() ([]string, error) {
	list, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer list.Close()
	return list.Readdirnames(-1)
}

// Modified returns when a file was last written.
func (d Dir) Modified(name string) (time.Time, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// IsFile reports whether name is a regular file or does not exist.
func (d Dir) IsFile(name string) bool {
	info, err := d.root.Lstat(name)
	return err != nil || info.Mode().IsRegular()
}

// Holds reports whether name is still the open file f.
func (d Dir) Holds(name string, f *os.File) bool {
	there, err := d.root.Lstat(name)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && os.SameFile(there, info)
}

// A LockKind is the kind of a lock: shared or exclusive.
type LockKind uint32

// The kinds of lock.
const (
	Shared LockKind = 0
	Alone  LockKind = windows.LOCKFILE_EXCLUSIVE_LOCK
)

// lockFile locks one byte far behind the end: locks are mandatory on this system, and
// others must be able to read and write.
func lockFile(f *os.File, kind LockKind, wait bool) (bool, error) {
	how := uint32(kind)
	if !wait {
		how |= windows.LOCKFILE_FAIL_IMMEDIATELY
	}
	far := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, far)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return false, nil
	}
	return false, &finding{ErrNoLocks, "lock " + f.Name() + ": " + err.Error()}
}

func unlockFile(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
}

// Append writes to a file that was opened for appending.
func Append(f *os.File, b []byte) (int, error) { return f.Write(b) }
