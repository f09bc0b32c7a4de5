//go:build unix

// Package filelock locks open files between processes. The kernel releases a lock when
// its holder dies.
//
// The front links this package, so it has few imports (docs/performance.md).
package filelock

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A Kind is the kind of a lock: shared or exclusive.
type Kind int

// The kinds of lock.
const (
	Shared    Kind = unix.LOCK_SH
	Exclusive Kind = unix.LOCK_EX
)

// Lock locks an open file; a lock that it has is exchanged for this one. It returns false
// if another process holds the lock and wait is false. An error means that there are no
// locks.
func Lock(f *os.File, kind Kind, wait bool) (bool, error) {
	how := int(kind)
	if !wait {
		how |= unix.LOCK_NB
	}
	err := flock(f, how)
	if err == unix.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, failed("lock", f, err)
}

// Unlock releases the lock of an open file, as closing it does.
func Unlock(f *os.File) error { return failed("unlock", f, flock(f, unix.LOCK_UN)) }

func flock(f *os.File, how int) error {
	err := unix.Flock(int(f.Fd()), how)
	for err == unix.EINTR {
		err = unix.Flock(int(f.Fd()), how)
	}
	return err
}

func failed(op string, f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.Name(), Err: err}
}
