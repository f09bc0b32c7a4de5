package oauth

import "syscall"

// Windows' own numbers: package syscall invents others for the names of Unix.
const (
	errConnReset   = syscall.WSAECONNRESET
	errConnAborted = syscall.WSAECONNABORTED
	errAddrInUse   = syscall.Errno(10048) // WSAEADDRINUSE
	errPipe        = syscall.ERROR_BROKEN_PIPE
)
