//go:build !windows

package oauth

import "syscall"

const (
	errConnReset   = syscall.ECONNRESET
	errConnAborted = syscall.ECONNABORTED
	errAddrInUse   = syscall.EADDRINUSE
	errPipe        = syscall.EPIPE
)
