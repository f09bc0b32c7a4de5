//go:build unix

package cache

import (
	"errors"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// directory is an open directory of ours. Every file in it is reached from the
// descriptor, so that nobody can swap the directory between check and use (T17).
type directory struct {
	fd   int
	path string
}

// openDirectory opens a directory and refuses one that is a link, belongs to
// somebody else, or lets others in (T1).
func openDirectory(path string) (directory, error) {
	fd, err := retryOpen(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		if err == unix.ENOTDIR || err == unix.ELOOP {
			return directory{}, &finding{ErrUnsafe, path + " is a link or not a directory"}
		}
		return directory{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return directory{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if text := trespass(&st); text != "" {
		unix.Close(fd)
		return directory{}, &finding{ErrUnsafe, path + " " + text}
	}
	return directory{fd, path}, nil
}

// trespass says how others could reach what st describes; "" if they cannot.
func trespass(st *unix.Stat_t) string {
	switch {
	case int(st.Uid) != unix.Geteuid():
		return "belongs to another user"
	case st.Mode&0o077 != 0:
		return "is open to other users (chmod go= it, once you know why)"
	}
	return ""
}

func retryOpen(at int, path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(at, path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func (d directory) close() { unix.Close(d.fd) }

// read reads a whole file of at most limit octets that only we could have
// written. O_NONBLOCK: a FIFO put in its place must not hang us (F13).
func (d directory) read(name string, limit int) ([]byte, error) {
	fd, err := retryOpen(d.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: d.path + "/" + name, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: d.path + "/" + name, Err: err}
	}
	text := trespass(&st)
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		text = "is not a regular file"
	}
	if text != "" {
		return nil, &finding{ErrUnsafe, d.path + "/" + name + " " + text}
	}
	if st.Size > int64(limit) {
		return nil, &finding{ErrMiss, name + " is too large"}
	}
	buf := make([]byte, st.Size)
	n, err := readAll(fd, buf)
	return buf[:n], err
}

func readAll(fd int, buf []byte) (int, error) {
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || m == 0 {
			return n, err
		}
		n += m
	}
	return n, nil
}

// writeTemp writes a new file of mode 0600, whatever the umask, under a name
// that no reader looks for.
func (d directory) writeTemp(name string, content []byte) error {
	fd, err := retryOpen(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return &fs.PathError{Op: "create", Path: d.path + "/" + name, Err: err}
	}
	err = unix.Fchmod(fd, 0o600)
	for err == nil && len(content) > 0 {
		var n int
		n, err = unix.Write(fd, content)
		if err == unix.EINTR {
			err, n = nil, 0
		} else if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		content = content[max(n, 0):]
	}
	if e := unix.Close(fd); err == nil {
		err = e
	}
	if err != nil {
		_ = unix.Unlinkat(d.fd, name, 0)
		return &fs.PathError{Op: "write", Path: d.path + "/" + name, Err: err}
	}
	return nil
}

func (d directory) rename(from, to string) error {
	if err := unix.Renameat(d.fd, from, d.fd, to); err != nil {
		_ = unix.Unlinkat(d.fd, from, 0)
		return &fs.PathError{Op: "rename", Path: d.path + "/" + to, Err: err}
	}
	return nil
}

// remove removes a file; its absence is what was wanted.
func (d directory) remove(name string) error {
	if err := unix.Unlinkat(d.fd, name, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "remove", Path: d.path + "/" + name, Err: err}
	}
	return nil
}

// makeDirectory makes a directory and those above it, each 0700, and opens it
// with the checks of openDirectory. What exists is not changed.
func makeDirectory(path string) (directory, error) {
	var above error // why a parent could not be made
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		err := unix.Mkdir(path[:i], 0o700)
		if err == nil {
			err = unix.Chmod(path[:i], 0o700) // the umask may have taken too much
		} else if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		if i < len(path) {
			// A parent may be unwritable or even unreadable and yet hold the next one.
			if err != nil {
				above = &fs.PathError{Op: "mkdir", Path: path[:i], Err: err}
			}
			continue
		}
		if errors.Is(err, fs.ErrNotExist) && above != nil {
			return directory{}, above
		}
		if err != nil {
			return directory{}, &fs.PathError{Op: "mkdir", Path: path[:i], Err: err}
		}
	}
	return openDirectory(path)
}
