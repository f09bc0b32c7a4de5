//go:build unix

package private

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
	fd, err := openAt(unix.AT_FDCWD, w.real, unix.O_RDONLY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	n := nodeOf(&st)
	switch {
	case n.mode&unix.S_IFMT != unix.S_IFREG:
		return nil, unfit(path, "is not a regular file")
	case w.shared != nil && (n.dev != w.end.dev || n.ino != w.end.ino):
		return nil, unfit(path, "is being replaced") // someone with write access is replacing it
	}
	if text := us().foreign(n); text != "" {
		return nil, unfit(path, text)
	}
	return readAll(f, limit)
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

// links returns the path with its symbolic links resolved.
func links(path string) (string, error) {
	w, err := linked(path)
	return w.real, err
}
