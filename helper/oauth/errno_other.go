//go:build !windows

package oauth

import "syscall"

const (
	errConnRefused = syscall.ECONNREFUSED
	errConnReset   = syscall.ECONNRESET
	errConnAborted = syscall.ECONNABORTED
	errAddrInUse   = syscall.EADDRINUSE
	errPipe        = syscall.EPIPE
)

// errnoName returns the system's text.
func errnoName(errno syscall.Errno) string { return errno.Error() }
