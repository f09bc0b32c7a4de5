package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// handle is the open directory. Windows has no modes: a folder below the
// user's profile is closed to others by the access control list it inherits,
// which is not looked at here. This file is compiled and vetted, never tried.
type handle struct{ root *os.Root }

func openHandle(path string) (handle, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return handle{}, err
	case err != nil:
		return handle{}, unavailable(err)
	case !info.IsDir():
		return handle{}, fmt.Errorf("%w: %s is a link or not a directory", ErrUnsafe, path)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return handle{}, unavailable(err)
	}
	return handle{root}, nil
}

func makeHandle(path string) (handle, error) {
	if err := os.Mkdir(path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return handle{}, unavailable(err)
	}
	return openHandle(path)
}

func (h handle) openFile(name string, flags int) (*os.File, error) {
	f, err := h.root.OpenFile(name, flags, fileMode)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unavailable(err)
	}
	return f, err
}

func (h handle) checkFile(f *os.File, name string) error {
	info, err := h.root.Lstat(name)
	if err != nil {
		return unavailable(err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", ErrUnsafe, f.Name())
	}
	return nil
}

func (h handle) rename(from, to string) error { return h.root.Rename(from, to) }

func (h handle) remove(name string) error { return h.root.Remove(name) }

// sync has nothing to do: a directory cannot be flushed here.
func (h handle) sync() error { return nil }

func (h handle) list() ([]string, error) {
	dir, err := h.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

func (h handle) modified(name string) (time.Time, error) {
	info, err := h.root.Lstat(name)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

func (h handle) close() { h.root.Close() }

func setFileMode(*os.File) error { return nil }

// takeLock locks one octet far behind the end, which reading does not touch.
func takeLock(f *os.File, wait bool) (taken bool, err error) {
	how := uint32(windows.LOCKFILE_EXCLUSIVE_LOCK)
	if !wait {
		how |= windows.LOCKFILE_FAIL_IMMEDIATELY
	}
	at := windows.Overlapped{OffsetHigh: 1 << 30}
	err = windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
