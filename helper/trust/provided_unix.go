//go:build unix

package trust

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// ReadProvided reads a file of at most limit bytes that belongs to root or us and that
// no one else can write to: configuration, or a mounted secret. It follows symbolic
// links of root's or ours, because Kubernetes mounts and configuration tools use them,
// and checks that the opened file is the one at their end. A missing file is
// fs.ErrNotExist, a dangling link ErrNowhere; anything but a regular file is ErrUnsafe,
// a larger one ErrTooLarge. It does not check the directories above the file (Way
// does).
func ReadProvided(path string, limit int) ([]byte, error) {
	w, err := linked(path)
	if err != nil {
		return nil, err
	}
	return readProvided(unix.AT_FDCWD, w.real, path, w, limit)
}

// readProvided reads the file called name in the directory at; path is for messages, and
// w says how the file was found.
func readProvided(at int, name, path string, w walk, limit int) ([]byte, error) {
	fd, err := openAt(at, name, unix.O_RDONLY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	n := nodeOf(&st)
	switch {
	case n.mode&unix.S_IFMT != unix.S_IFREG:
		return nil, Unsafe(path, "is not a regular file")
	case w.shared != nil && (n.dev != w.end.dev || n.ino != w.end.ino):
		return nil, Unsafe(path, "is being replaced") // someone with write access is replacing it
	}
	if text := us().foreign(n); text != "" {
		return nil, Unsafe(path, text)
	}
	return readDescriptor(fd, path, st.Size, limit)
}

// openAt does not follow a symbolic link in the last element, and does not wait for the
// writer of a pipe.
func openAt(at int, name string, flags int) (int, error) {
	flags |= unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	return Retry(func() (int, error) { return unix.Openat(at, name, flags, 0) })
}

// Retry repeats a system call that a signal has interrupted.
func Retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// readDescriptor reads an open file to its end; size is what it is expected to have.
func readDescriptor(fd int, path string, size int64, limit int) ([]byte, error) {
	content := make([]byte, 0, min(max(size, 0), int64(limit))+1) // one more, to see the end
	for {
		n, err := Retry(func() (int, error) { return unix.Read(fd, content[len(content):cap(content)]) })
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if content = content[:len(content)+n]; len(content) > limit {
			return nil, TooLarge(path, limit)
		}
		if n == 0 || size > 0 && int64(len(content)) == size { // what is written meanwhile shows in its stamp
			return content, nil
		}
		if len(content) == cap(content) {
			content = append(content, 0)[:len(content)]
		}
	}
}

// ProvidedDir reads many provided files of one directory, to which the way is checked
// only once.
type ProvidedDir struct {
	fd   int
	path string
}

// OpenProvided opens a directory of provided files. Its errors are those of ReadProvided.
func OpenProvided(path string) (ProvidedDir, error) {
	w, err := linked(path)
	if err != nil {
		return ProvidedDir{}, err
	}
	fd, err := openAt(unix.AT_FDCWD, w.real, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return ProvidedDir{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return ProvidedDir{fd, path}, nil
}

// Close closes the directory.
func (d ProvidedDir) Close() { unix.Close(d.fd) }

// Read is ReadProvided for a file of the directory.
func (d ProvidedDir) Read(name string, limit int) ([]byte, error) {
	path := d.path + "/" + name
	content, err := readProvided(d.fd, name, path, walk{}, limit)
	if errors.Is(err, unix.ELOOP) { // a symbolic link may lead anywhere
		return ReadProvided(path, limit)
	}
	return content, err
}

// linked walks a path on which a foreign or dangling symbolic link is an error.
func linked(path string) (walk, error) {
	w, err := thisDisk().walk(path)
	switch {
	case err != nil:
		return w, err
	case w.link != nil:
		return w, w.link
	case w.nowhere:
		return w, &finding{ErrNowhere, path + " is a link to nowhere (" + w.real + ")"}
	}
	return w, nil
}

// Links returns the path with its symbolic links resolved. A foreign link is ErrUnsafe, a
// dangling one ErrNowhere.
func Links(path string) (string, error) {
	w, err := linked(path)
	return w.real, err
}

// FileName never fails here: a file has any name.
func FileName(string) error { return nil }
