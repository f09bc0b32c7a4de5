//go:build unix

package trust

import (
	"io/fs"
	"os"

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
	f, err := openFile(path, w.real)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
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
	return ReadAll(f, limit)
}

// openFile opens the file at real, under the name path. It does not wait for the writer
// of a pipe.
func openFile(path, real string) (*os.File, error) {
	for {
		fd, err := unix.Open(real, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case unix.EINTR:
			continue
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
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
