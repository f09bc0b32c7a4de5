//go:build unix

package helper

import (
	"errors"
	"os"
	"syscall"
)

// The kinds of lock on the log's file. The kernel gives them back when their holder
// dies.
const (
	lockShared = syscall.LOCK_SH
	lockAlone  = syscall.LOCK_EX
)

func tryLockFile(f *os.File, how int) error {
	return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
}

// isHeld tells whether a lock was refused because somebody else has it.
func isHeld(err error) bool {
	return errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR)
}

// turnOver puts the log, locked by us alone, in the place of the older one.
func turnOver(_ *os.File, path string) error { return os.Rename(path, path+olderLog) }

// openOwn opens a file of ours for appending, never through a link.
func openOwn(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
}
