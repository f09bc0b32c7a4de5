//go:build unix

package cache

import (
	"context"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Lock is a held lock of one profile.
type Lock struct {
	fd   int
	path string
}

// acquire takes the kernel's lock on a file of its own that is never deleted:
// the kernel gives it back when its holder dies, however it dies (F15). With
// wait false it returns ErrLocked at once if somebody else holds it.
func (d directory) acquire(ctx context.Context, name string, wait bool) (*Lock, error) {
	for {
		fd, err := retryOpen(d.fd, name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, &fs.PathError{Op: "lock", Path: d.path + "/" + name, Err: err}
		}
		private(fd)
		if err := d.flock(ctx, fd, wait); err != nil {
			return nil, err
		}
		if d.names(name, fd) {
			return &Lock{fd, d.path + "/" + name}, nil
		}
		// Somebody deleted the file while we waited: the lock we hold is on a
		// file that nobody else will find (F16).
		unix.Close(fd)
	}
}

// private gives a new lock file the mode that the umask may have taken from it. A
// file that has it is left alone: its ctime is in every entry.
func private(fd int) {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&0o777 != 0o600 && st.Size == 0 {
		_ = unix.Fchmod(fd, 0o600) // another user's file stays as it is
	}
}

// flock locks fd and closes it if that fails. The wait itself cannot be
// interrupted, so a goroutine waits; if the context ends first, the goroutine
// lives on until the process, which is about to, ends.
func (d directory) flock(ctx context.Context, fd int, wait bool) error {
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err != unix.EWOULDBLOCK && err != unix.EINTR {
		if err != nil {
			unix.Close(fd)
			return &fs.PathError{Op: "lock", Path: d.path, Err: err}
		}
		return nil
	}
	if !wait {
		unix.Close(fd)
		return ErrLocked
	}
	got := make(chan error, 1)
	go func() {
		for {
			err := unix.Flock(fd, unix.LOCK_EX)
			if err != unix.EINTR {
				got <- err
				return
			}
		}
	}()
	select {
	case err := <-got:
		if err != nil {
			unix.Close(fd)
			return &fs.PathError{Op: "lock", Path: d.path, Err: err}
		}
		return nil
	case <-ctx.Done():
		go func() { // give it back should it still come
			<-got
			unix.Close(fd)
		}()
		return ErrLocked
	}
}

// names tells whether name in the directory is the file open as fd.
func (d directory) names(name string, fd int) bool {
	var a, b unix.Stat_t
	return unix.Fstatat(d.fd, name, &a, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		unix.Fstat(fd, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// Unlock gives the lock back.
func (l *Lock) Unlock() { unix.Close(l.fd) }

// touch changes the lock file's ctime and size, so that every entry sealed
// before counts for nothing (T16).
func (l *Lock) touch() error {
	var st unix.Stat_t
	if err := unix.Fstat(l.fd, &st); err != nil {
		return err
	}
	// At its end: the size tells even two changes within one tick apart.
	_, err := unix.Pwrite(l.fd, []byte{0}, st.Size)
	return err
}

// stamp is the lock file as it is now.
func (l *Lock) stamp() Stamp { return stampOf(l.path) }
