//go:build unix

package process

import "golang.org/x/sys/unix"

// Limits are what Harden changed and the user's own commands get back.
type Limits struct {
	Core uint64 // soft limit of RLIMIT_CORE in bytes
}

// ForChild runs start, which starts a command of the user's own, under the core
// limit that the user had: a child takes over the limits of the moment of its
// start. What else Harden did ends with the child's execve.
func (l Limits) ForChild(start func() error) error {
	var core unix.Rlimit
	if l.Core == 0 || unix.Getrlimit(unix.RLIMIT_CORE, &core) != nil {
		return start()
	}
	hardened := core
	core.Cur = min(l.Core, core.Max)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &core)
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &hardened) }()
	return start()
}
