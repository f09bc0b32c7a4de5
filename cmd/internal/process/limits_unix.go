//go:build unix

package process

import "golang.org/x/sys/unix"

// Limits are the limits that Harden changed, to be restored for the user's own
// commands.
type Limits struct {
	Core uint64 // soft limit of RLIMIT_CORE in bytes
}

// ForChild calls start, which starts one of the user's commands, while the user's
// original core limit is set: a child inherits the limits in force at its start.
// Everything else that Harden does ends with the child's execve.
func (l Limits) ForChild(start func() error) error {
	var core unix.Rlimit
	if l.Core == 0 || unix.Getrlimit(unix.RLIMIT_CORE, &core) != nil {
		return start()
	}
	hardened := core
	core.Cur = lower(l.Core, core.Max)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &core)
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &hardened) }()
	return start()
}

// lower is the lower of two limits. The system's own are signed on FreeBSD.
func lower[T int64 | uint64](soft uint64, hard T) T {
	if soft < uint64(hard) {
		return T(soft)
	}
	return hard
}
