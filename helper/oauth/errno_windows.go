package oauth

import "syscall"

// Windows' own numbers: package syscall invents others for the names of Unix.
const (
	errConnRefused = syscall.Errno(10061) // WSAECONNREFUSED
	errConnReset   = syscall.WSAECONNRESET
	errConnAborted = syscall.WSAECONNABORTED
	errAddrInUse   = syscall.Errno(10048) // WSAEADDRINUSE
	errPipe        = syscall.ERROR_BROKEN_PIPE
)

// errnoName returns the system's text, and for what happens to connections that of Unix:
// that of Windows is a sentence in the language of the user.
func errnoName(errno syscall.Errno) string {
	switch errno {
	case errConnRefused:
		return "connection refused"
	case errConnReset:
		return "connection reset by peer"
	case 10051: // WSAENETUNREACH
		return "network is unreachable"
	case 10065: // WSAEHOSTUNREACH
		return "no route to host"
	case 10060: // WSAETIMEDOUT
		return "connection timed out"
	}
	return errno.Error()
}
