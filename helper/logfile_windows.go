package helper

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// The kinds of lock on the log's file. Untried: this system is cross-compiled and
// vetted only.
const (
	lockShared = 0
	lockAlone  = windows.LOCKFILE_EXCLUSIVE_LOCK
)

// tryLockFile locks an octet far behind the end: locks are mandatory here, and
// others must be able to write.
func tryLockFile(f *os.File, how int) error {
	far := &windows.Overlapped{OffsetHigh: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), uint32(how)|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, far)
}

// isHeld tells whether a lock was refused because somebody else has it.
func isHeld(err error) bool { return errors.Is(err, windows.ERROR_LOCK_VIOLATION) }

// turnOver puts the log in the place of the older one. An open file cannot be
// renamed here; while others have it open it grows.
func turnOver(f *os.File, path string) error {
	f.Close()
	return os.Rename(path, path+olderLog)
}

// openOwn opens a file of ours for appending.
func openOwn(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}
