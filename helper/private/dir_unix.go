//go:build unix

package private

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/helper/trust"
)

// Dir is an open directory of ours.
type Dir struct {
	fd   int
	path string
}

// A rule returns why a directory is not acceptable; "" if it is.
type rule func(*unix.Stat_t) string

func closed(st *unix.Stat_t) string { return trespass(st, "0700") }

func guarded(st *unix.Stat_t) string { return trust.ForeignWriter(st) }

func anybodys(st *unix.Stat_t) string { return trust.ForeignOwner(st) }

func open(path string, r rule) (Dir, error) {
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY)
	switch err {
	case nil:
	case unix.ENOTDIR, unix.ELOOP:
		return Dir{}, trust.Unsafe(path, "is a symbolic link or not a directory")
	default:
		return Dir{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return Dir{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if text := r(&st); text != "" {
		unix.Close(fd)
		return Dir{}, trust.Unsafe(path, text)
	}
	return Dir{fd, path}, nil
}

// trespass returns how others could access the file that st describes, whose mode
// should be want; "" if they cannot.
func trespass(st *unix.Stat_t, want string) string {
	switch {
	case int(st.Uid) != unix.Geteuid():
		return "belongs to uid " + strconv.Itoa(int(st.Uid)) + ", not to " + strconv.Itoa(unix.Geteuid())
	case st.Mode&0o077 != 0:
		return "has mode 0" + strconv.FormatUint(uint64(st.Mode&0o777), 8) +
			", open to other users; see who was there, then chmod " + want
	}
	return ""
}

// openAt does not follow a symbolic link in the last element, and does not wait for the
// writer of a pipe that was put there.
func openAt(at int, path string, flags int) (int, error) {
	flags |= unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	for { // retry by hand: this runs for each hit
		fd, err := unix.Openat(at, path, flags, fileMode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// retry repeats a system call that a signal has interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// makeAll creates a directory and those above it.
func makeAll(path string) error {
	var above error // why the first missing one could not be created
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		err := unix.Mkdir(path[:i], dirMode)
		if err == nil {
			err = unix.Chmod(path[:i], dirMode) // the umask may have removed too much
		} else if err == unix.EEXIST {
			err = nil
		}
		if err != nil {
			err = &fs.PathError{Op: "mkdir", Path: path[:i], Err: err}
		}
		switch {
		case i < len(path): // an unwritable or unreadable directory may still contain the next one
			if above == nil || !errors.Is(err, fs.ErrNotExist) {
				above = err
			}
		case above != nil && errors.Is(err, fs.ErrNotExist):
			return above
		case err != nil:
			return err
		}
	}
	return nil
}

// Close closes the directory.
func (d Dir) Close() { unix.Close(d.fd) }

// Read reads a file of at most limit bytes that only we could have written. Anything
// but a regular file is ErrUnsafe, a larger one ErrTooLarge.
func (d Dir) Read(name string, limit int) ([]byte, error) {
	fd, st, err := d.openOwn(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if text := trespass(&st, "0600"); text != "" {
		return nil, trust.Unsafe(d.At(name), text)
	}
	if st.Size > int64(limit) {
		return nil, trust.TooLarge(d.At(name), limit)
	}
	buf := make([]byte, st.Size)
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: d.At(name), Err: err}
		}
		if m == 0 {
			break
		}
		n += m
	}
	return buf[:n], nil
}

// ReadAt fills b from a file that only we could have written. A file that ends before
// is io.ErrUnexpectedEOF.
func (d Dir) ReadAt(name string, b []byte, offset int64) error {
	fd, st, err := d.openOwn(name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if text := trespass(&st, "0600"); text != "" {
		return trust.Unsafe(d.At(name), text)
	}
	n, err := retry(func() (int, error) { return unix.Pread(fd, b, offset) })
	if err != nil {
		return &fs.PathError{Op: "read", Path: d.At(name), Err: err}
	}
	if n < len(b) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// openOwn opens a regular file of ours. The caller checks its mode.
func (d Dir) openOwn(name string, flags int) (fd int, st unix.Stat_t, err error) {
	fd, err = openAt(d.fd, name, flags)
	switch err {
	case nil:
	case unix.ELOOP:
		return -1, st, trust.Unsafe(d.At(name), "is a symbolic link")
	default:
		return -1, st, &fs.PathError{Op: "open", Path: d.At(name), Err: err}
	}
	if err = unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, st, &fs.PathError{Op: "stat", Path: d.At(name), Err: err}
	}
	text := ""
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		text = "is not a regular file"
	case int(st.Uid) != unix.Geteuid():
		text = trespass(&st, "")
	}
	if text != "" {
		unix.Close(fd)
		return -1, st, trust.Unsafe(d.At(name), text)
	}
	return fd, st, nil
}

// OpenFile opens a regular file of ours for longer use. With os.O_CREATE it creates the
// file if it is missing, and sets its mode to 0600.
func (d Dir) OpenFile(name string, flags int) (*os.File, error) {
	fd, st, err := d.openOwn(name, flags)
	if err != nil {
		return nil, err
	}
	if flags&unix.O_CREAT != 0 && st.Mode&0o777 != fileMode { // because of the umask, or a cp; avoid other changes of its ctime
		_ = unix.Fchmod(fd, fileMode)
	}
	return os.NewFile(uintptr(fd), d.At(name)), nil
}

// create writes a new file, or leaves none.
func (d Dir) create(name string, content []byte, sync bool) (release func(), err error) {
	fd, held, err := d.createLocked(name)
	if err == errSwept {
		return nil, err
	}
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: d.At(name), Err: err}
	}
	err = unix.Fchmod(fd, fileMode)
	for err == nil && len(content) > 0 {
		var n int
		n, err = retry(func() (int, error) { return unix.Write(fd, content) })
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		content = content[max(n, 0):]
	}
	if err == nil && sync {
		_, err = retry(func() (int, error) { return 0, unix.Fsync(fd) })
	}
	if e := unix.Close(fd); err == nil { // some file systems report only here that they are full
		err = e
	}
	if err != nil {
		_ = d.remove(name)
		unix.Close(held)
		return nil, &fs.PathError{Op: "write", Path: d.At(name), Err: err}
	}
	return func() { unix.Close(held) }, nil
}

// createLocked creates a file and locks it, unless the file system has no locks. held
// is a second descriptor that keeps the lock. The error is errSwept if a sweep removed
// the file first.
func (d Dir) createLocked(name string) (fd, held int, err error) {
	if fd, err = openAt(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL); err != nil {
		return -1, -1, err
	}
	var st unix.Stat_t
	_, err = retry(func() (int, error) { return 0, unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK || err == nil && unix.Fstat(fd, &st) == nil && st.Nlink == 0 {
		unix.Close(fd)
		return -1, -1, errSwept
	}
	if held, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		_ = d.remove(name)
		unix.Close(fd)
	}
	return fd, held, err
}

// removeAbandoned removes an unfinished file that has no writer any more, and reports
// whether it did: a writer holds its lock. The lock is kept until the file is removed,
// so that no writer takes it in between. live: a writer holds it, however old it is.
func (d Dir) removeAbandoned(name string) (removed, live bool) {
	f, err := d.OpenFile(name, os.O_RDWR)
	if err != nil {
		return false, false
	}
	defer f.Close()
	free, err := lockFile(f, Alone, false)
	if err != nil || !free {
		return false, err == nil
	}
	return d.Holds(name, f) && d.remove(name) == nil, false
}

// Rename renames from to to, replacing it.
func (d Dir) Rename(from, to string) error {
	if _, err := retry(func() (int, error) { return 0, unix.Renameat(d.fd, from, d.fd, to) }); err != nil {
		return &fs.PathError{Op: "rename", Path: d.At(to), Err: err}
	}
	return nil
}

func (d Dir) remove(name string) error {
	_, err := retry(func() (int, error) { return 0, unix.Unlinkat(d.fd, name, 0) })
	if err == unix.EISDIR || err == unix.EPERM { // EPERM is POSIX's error for a directory
		if e := unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR); e != unix.ENOTDIR {
			err = e
		}
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: d.At(name), Err: err}
	}
	return nil
}

// Sync makes renames and removals durable. Some file systems do not support it.
func (d Dir) Sync() error {
	_, err := retry(func() (int, error) { return 0, unix.Fsync(d.fd) })
	if err != nil && err != unix.EINVAL && err != unix.ENOTSUP {
		return &fs.PathError{Op: "sync", Path: d.path, Err: err}
	}
	return nil
}

// Names lists the directory, in no particular order.
func (d Dir) Names() ([]string, error) {
	fd, err := openAt(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: d.path, Err: err}
	}
	list := os.NewFile(uintptr(fd), d.path)
	defer list.Close()
	return list.Readdirnames(-1)
}

// Modified returns when a file was last written.
func (d Dir) Modified(name string) (time.Time, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return time.Time{}, &fs.PathError{Op: "stat", Path: d.At(name), Err: err}
	}
	return time.Unix(0, st.Mtim.Nano()), nil
}

// IsFile reports whether name is a regular file or does not exist.
func (d Dir) IsFile(name string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err != nil || st.Mode&unix.S_IFMT == unix.S_IFREG
}

// Holds reports whether name is still the open file f.
func (d Dir) Holds(name string, f *os.File) bool {
	var a, b unix.Stat_t
	return unix.Fstatat(d.fd, name, &a, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		unix.Fstat(int(f.Fd()), &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// A LockKind is the kind of a lock: shared or exclusive.
type LockKind int

// The kinds of lock. The kernel releases them when their holder dies.
const (
	Shared LockKind = unix.LOCK_SH
	Alone  LockKind = unix.LOCK_EX
)

// lockFile locks an open file. It returns false if another process holds the lock and
// wait is false. An error wraps ErrNoLocks.
func lockFile(f *os.File, kind LockKind, wait bool) (bool, error) {
	how := int(kind)
	if !wait {
		how |= unix.LOCK_NB
	}
	_, err := retry(func() (int, error) { return 0, unix.Flock(int(f.Fd()), how) })
	switch err {
	case nil:
		return true, nil
	case unix.EWOULDBLOCK:
		return false, nil
	}
	return false, &finding{ErrNoLocks, "lock " + f.Name() + ": " + err.Error()}
}

func unlockFile(f *os.File) error {
	_, err := retry(func() (int, error) { return 0, unix.Flock(int(f.Fd()), unix.LOCK_UN) })
	if err != nil {
		return &fs.PathError{Op: "unlock", Path: f.Name(), Err: err}
	}
	return nil
}

// Append writes to a file that was opened for appending, with one system call, unlike
// File.Write: if the disk is full, fewer bytes are written.
func Append(f *os.File, b []byte) (int, error) {
	n, err := retry(func() (int, error) { return unix.Write(int(f.Fd()), b) })
	if err != nil {
		return 0, &fs.PathError{Op: "write", Path: f.Name(), Err: err}
	}
	return n, nil
}
