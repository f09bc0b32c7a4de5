// Package filelock locks open files between processes. The system releases a lock when
// its holder dies.
package filelock

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// A Kind is the kind of a lock: shared or exclusive.
type Kind uint32

// The kinds of lock.
const (
	Shared    Kind = 0
	Exclusive Kind = windows.LOCKFILE_EXCLUSIVE_LOCK
)

// Lock locks one byte of an open file, far behind its end: locks are mandatory on this
// system, and others must be able to read and write. As flock does, it exchanges a lock
// that the file has: otherwise LockFileEx would wait for ours to end before it gave us
// another. It returns false if another process holds the lock and wait is false. An error
// means that there are no locks.
func Lock(f *os.File, kind Kind, wait bool) (bool, error) {
	_ = Unlock(f) // ERROR_NOT_LOCKED, mostly
	how := uint32(kind)
	if !wait {
		how |= windows.LOCKFILE_FAIL_IMMEDIATELY
	}
	switch err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30}); err {
	case nil:
		return true, nil
	case windows.ERROR_LOCK_VIOLATION:
		return false, nil
	default:
		return false, &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
}

// Unlock releases the lock of an open file, as closing it does.
func Unlock(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
}
