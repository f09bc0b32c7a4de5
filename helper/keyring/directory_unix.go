//go:build unix

package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handle is the open directory; the *at calls take its descriptor.
type handle struct{ dir *os.File }

// openHandle opens and checks a directory that is there.
func openHandle(path string) (handle, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return handle{}, &fs.PathError{Op: "open", Path: path, Err: err}
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return handle{}, fmt.Errorf("%w: %s is a symbolic link or not a directory", ErrUnsafe, path)
	case err != nil:
		return handle{}, unavailable(&fs.PathError{Op: "open", Path: path, Err: err})
	}
	dir := os.NewFile(uintptr(fd), path)
	if err := private(dir, path, dirMode); err != nil {
		dir.Close()
		return handle{}, err
	}
	return handle{dir}, nil
}

// makeHandle makes the directory first. Somebody may have been faster, with
// worse modes: the checks are the same.
func makeHandle(path string) (handle, error) {
	err := os.Mkdir(path, dirMode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return handle{}, unavailable(err)
	}
	if err == nil { // ours and empty; the umask may have taken our own bits
		if err := os.Chmod(path, dirMode); err != nil {
			return handle{}, unavailable(err)
		}
	}
	return openHandle(path)
}

// private tells whether an open file is ours and closed to everybody else.
func private(f *os.File, path string, want fs.FileMode) error {
	info, err := f.Stat()
	if err != nil {
		return unavailable(err)
	}
	switch owner, known := ownerOf(info); {
	case !known || owner != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to uid %d, not to %d", ErrUnsafe, path, owner, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: %s has mode %04o, open to others; see who was there, then chmod %04o",
			ErrUnsafe, path, info.Mode().Perm(), want)
	}
	return nil
}

// ownerOf is the uid that owns a file.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, false
	}
	return int(stat.Uid), true
}

func (h handle) openFile(name string, flags int) (*os.File, error) {
	// O_NONBLOCK: opening a pipe that somebody put here must not wait.
	flags |= unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Openat(int(h.dir.Fd()), name, flags, fileMode)
	})
	path := h.dir.Name() + "/" + name
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	case errors.Is(err, unix.ELOOP):
		return nil, fmt.Errorf("%w: %s is a symbolic link", ErrUnsafe, path)
	case err != nil:
		return nil, unavailable(&fs.PathError{Op: "open", Path: path, Err: err})
	}
	return os.NewFile(uintptr(fd), path), nil
}

// checkFile refuses what is not a regular file of ours alone.
func (h handle) checkFile(f *os.File, name string) error {
	info, err := f.Stat()
	if err != nil {
		return unavailable(err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", ErrUnsafe, f.Name())
	}
	return private(f, f.Name(), fileMode)
}

func (h handle) rename(from, to string) error {
	fd := int(h.dir.Fd())
	_, err := ignoringEINTR(func() (int, error) { return 0, unix.Renameat(fd, from, fd, to) })
	if err != nil {
		return &fs.PathError{Op: "rename", Path: h.dir.Name() + "/" + to, Err: err}
	}
	return nil
}

func (h handle) remove(name string) error {
	_, err := ignoringEINTR(func() (int, error) { return 0, unix.Unlinkat(int(h.dir.Fd()), name, 0) })
	if err != nil {
		return &fs.PathError{Op: "remove", Path: h.dir.Name() + "/" + name, Err: err}
	}
	return nil
}

// sync makes renames and removals last. Some file systems cannot, and say so.
func (h handle) sync() error {
	if err := h.dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return unavailable(err)
	}
	return nil
}

// list reads the names; it can be called more than once.
func (h handle) list() ([]string, error) {
	if _, err := h.dir.Seek(0, 0); err != nil {
		return nil, err
	}
	return h.dir.Readdirnames(-1)
}

func (h handle) modified(name string) (time.Time, error) {
	var stat unix.Stat_t
	if err := unix.Fstatat(int(h.dir.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return time.Time{}, err
	}
	return time.Unix(stat.Mtim.Unix()), nil
}

func (h handle) close() { h.dir.Close() }

// setFileMode: the umask of openat may have taken bits, never given some.
func setFileMode(f *os.File) error { return f.Chmod(fileMode) }

// takeLock takes an exclusive flock, which the kernel drops with the process:
// nothing is left behind by a kill. An error says that this disk has no locks.
func takeLock(f *os.File, wait bool) (taken bool, err error) {
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	_, err = ignoringEINTR(func() (int, error) { return 0, unix.Flock(int(f.Fd()), how) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
