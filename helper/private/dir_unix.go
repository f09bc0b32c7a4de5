//go:build unix

package private

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/helper/filelock"
	"github.com/credhelper/credhelper/helper/trust"
)

// Dir is an open directory of ours.
type Dir struct {
	fd   int
	path string

	group uint32 // what the group may do with a file that is written here
}

// ForGroup returns the directory as one in which new content is readable for its group,
// with mode 0640.
func (d Dir) ForGroup() Dir {
	d.group = 0o040
	return d
}

// A rule says which directories are acceptable. It is not a function value, because the
// argument of one is allocated, at each hit.
type rule int

const (
	closed   rule = iota // to everyone but us
	guarded              // to writers other than root and us
	anybodys             // root's or ours
)

// breach returns how a directory breaks the rule; "" if it does not.
func (r rule) breach(st *unix.Stat_t) string {
	switch r {
	case guarded:
		return trust.ForeignWriter(st)
	case anybodys:
		return trust.ForeignOwner(st)
	}
	return trespass(st, "0700")
}

func open(path string, r rule) (Dir, error) {
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == unix.ENOTDIR || err == unix.ELOOP {
		return Dir{}, trust.Unsafe(path, "is a symbolic link or not a directory")
	}
	if err != nil {
		return Dir{}, failed("open", path, err)
	}
	var st unix.Stat_t
	if err = failed("stat", path, unix.Fstat(fd, &st)); err == nil {
		if wrong := r.breach(&st); wrong != "" {
			err = trust.Unsafe(path, wrong)
		}
	}
	if err != nil {
		unix.Close(fd)
		return Dir{}, err
	}
	return Dir{fd: fd, path: path}, nil
}

// failed returns the error of a system call, if there is one.
func failed(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// failed is failed for a file. Its path is composed only for an error: most calls succeed.
func (d Dir) failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return failed(op, d.At(name), err)
}

// trespass returns how others could access the file that st describes, whose mode
// should be want; "" if they cannot.
func trespass(st *unix.Stat_t, want string) string {
	switch us := unix.Geteuid(); {
	case int(st.Uid) != us:
		return "belongs to uid " + strconv.Itoa(int(st.Uid)) + ", not to " + strconv.Itoa(us)
	case st.Mode&0o077 != 0:
		return "has mode 0" + strconv.FormatUint(uint64(st.Mode&0o777), 8) + ", open to other users; see who was there, then chmod " + want
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

// makeAll creates a directory and those above it. An unwritable or unreadable one may
// still contain the next one.
func makeAll(path string) error {
	err := makeOne(path, dirMode)
	if above := filepath.Dir(path); above != path && errors.Is(err, fs.ErrNotExist) {
		if err = makeAll(above); err == nil {
			err = makeOne(path, dirMode)
		}
	}
	return err
}

// makeOne creates a directory unless it is there. It sets the mode through a descriptor,
// because others may be able to put a symbolic link in its place, and keeps a group that the
// directory above gives (setgid).
func makeOne(path string, mode uint32) error {
	err := unix.Mkdir(path, mode)
	if err == unix.EEXIST {
		return nil
	}
	if err != nil {
		return failed("mkdir", path, err)
	}
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == unix.EACCES { // the umask denies it to its owner, too, so there is no descriptor
		if err = unix.Fchmodat(unix.AT_FDCWD, path, mode, unix.AT_SYMLINK_NOFOLLOW); err == unix.EOPNOTSUPP { // Linux before 6.6
			err = unix.Chmod(path, mode)
		}
		return failed("chmod", path, err)
	}
	if err != nil {
		return nil // the caller opens it, and says why it cannot
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && int(st.Uid) == unix.Geteuid() && uint32(st.Mode)&0o777 != mode {
		_ = unix.Fchmod(fd, mode|uint32(st.Mode)&unix.S_ISGID) // the umask may have removed too much
	}
	return nil
}

// Close closes the directory.
func (d Dir) Close() { unix.Close(d.fd) }

// spare is the space, in bytes, after the content of a file that was read. The cache appends
// there what it authenticates besides, without an allocation of its own.
const spare = 128

// Read reads a file of at most limit bytes that only we could have written. Anything
// but a regular file is ErrUnsafe, a larger one ErrTooLarge.
func (d Dir) Read(name string, limit int) ([]byte, error) {
	fd, st, err := d.openOwn(name, unix.O_RDONLY, "0600")
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if st.Size > int64(limit) {
		return nil, trust.TooLarge(d.At(name), limit)
	}
	buf := make([]byte, st.Size, st.Size+spare)
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, d.failed("read", name, err)
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
	fd, _, err := d.openOwn(name, unix.O_RDONLY, "0600")
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	n, err := trust.Retry(func() (int, error) { return unix.Pread(fd, b, offset) })
	if err == nil && n < len(b) {
		return io.ErrUnexpectedEOF
	}
	return d.failed("read", name, err)
}

// openOwn opens a regular file of ours. If others may not access it, want is the mode that
// it should have; else "".
func (d Dir) openOwn(name string, flags int, want string) (fd int, st unix.Stat_t, err error) {
	fd, err = openAt(d.fd, name, flags)
	if err == unix.ELOOP {
		return -1, st, trust.Unsafe(d.At(name), "is a symbolic link")
	}
	if err != nil {
		return -1, st, d.failed("open", name, err)
	}
	wrong := ""
	err = d.failed("stat", name, unix.Fstat(fd, &st))
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		wrong = "is not a regular file"
	case want != "", int(st.Uid) != unix.Geteuid():
		wrong = trespass(&st, want)
	}
	if wrong != "" {
		err = trust.Unsafe(d.At(name), wrong)
	}
	if err != nil {
		unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// OpenFile opens a regular file of ours for longer use. With os.O_CREATE it creates the
// file if it is missing, and sets its mode to 0600.
func (d Dir) OpenFile(name string, flags int) (*os.File, error) {
	fd, st, err := d.openOwn(name, flags, "")
	if err != nil {
		return nil, err
	}
	if flags&unix.O_CREAT != 0 && st.Mode&0o777 != fileMode { // because of the umask, or a cp; avoid other changes of its ctime
		_ = unix.Fchmod(fd, fileMode)
	}
	return os.NewFile(uintptr(fd), d.At(name)), nil
}

// NewFile creates a file that only its owner can read, in any directory; the error is
// fs.ErrExist if there is one.
func NewFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

// create writes a new file, or leaves none.
func (d Dir) create(name string, content []byte, sync bool) (release func(), err error) {
	fd, lock, err := d.createLocked(name)
	if err == errSwept {
		return nil, err
	}
	if err != nil {
		return nil, d.failed("create", name, err)
	}
	err = unix.Fchmod(fd, fileMode|d.group)
	for err == nil && len(content) > 0 {
		var n int
		n, err = trust.Retry(func() (int, error) { return unix.Write(fd, content) })
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		content = content[max(n, 0):]
	}
	if err == nil && sync {
		_, err = trust.Retry(func() (int, error) { return 0, unix.Fsync(fd) })
	}
	if e := unix.Close(fd); err == nil { // some file systems report only here that they are full
		err = e
	}
	if err != nil {
		_ = d.remove(name)
		unix.Close(lock)
		return nil, d.failed("write", name, err)
	}
	return func() { unix.Close(lock) }, nil
}

// createLocked creates a file and locks it, unless the file system has no locks. lock
// is a second descriptor that keeps the lock. The error is errSwept if a sweep removed
// the file first.
func (d Dir) createLocked(name string) (fd, lock int, err error) {
	if fd, err = openAt(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL); err != nil {
		return -1, -1, err
	}
	var st unix.Stat_t
	_, err = trust.Retry(func() (int, error) { return 0, unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK || err == nil && unix.Fstat(fd, &st) == nil && st.Nlink == 0 {
		unix.Close(fd)
		return -1, -1, errSwept
	}
	if lock, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		_ = d.remove(name)
		unix.Close(fd)
	}
	return fd, lock, err
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
	free, err := filelock.Lock(f, filelock.Exclusive, false)
	if err != nil || !free {
		return false, err == nil
	}
	return d.Holds(name, f) && d.remove(name) == nil, false
}

// Rename renames from to to, replacing it.
func (d Dir) Rename(from, to string) error {
	_, err := trust.Retry(func() (int, error) { return 0, unix.Renameat(d.fd, from, d.fd, to) })
	return d.failed("rename", to, err)
}

func (d Dir) remove(name string) error {
	_, err := trust.Retry(func() (int, error) { return 0, unix.Unlinkat(d.fd, name, 0) })
	if err == unix.EISDIR || err == unix.EPERM { // EPERM is POSIX's error for a directory
		if e := unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR); e != unix.ENOTDIR {
			err = e
		}
	}
	return d.failed("remove", name, err)
}

// Sync makes renames and removals durable. Some file systems do not support it.
func (d Dir) Sync() error {
	_, err := trust.Retry(func() (int, error) { return 0, unix.Fsync(d.fd) })
	if err == unix.EINVAL || err == unix.ENOTSUP {
		return nil
	}
	return failed("sync", d.path, err)
}

// Names lists the directory, in no particular order.
func (d Dir) Names() ([]string, error) {
	fd, err := openAt(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, failed("open", d.path, err)
	}
	list := os.NewFile(uintptr(fd), d.path)
	defer list.Close()
	return list.Readdirnames(-1)
}

// Modified returns when a file was last written.
func (d Dir) Modified(name string) (time.Time, error) {
	var st unix.Stat_t
	err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return time.Unix(0, st.Mtim.Nano()), d.failed("stat", name, err)
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
