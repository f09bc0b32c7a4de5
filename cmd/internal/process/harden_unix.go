//go:build unix && !linux

package process

import (
	"github.com/credhelper/credhelper/protocol"
	"golang.org/x/sys/unix"
)

// Harden sets the soft core limit to 0 and refuses privileges that the caller does not
// have. Untested: these systems are only cross-compiled and vetted.
func Harden() (Limits, error) {
	var core unix.Rlimit
	var l Limits
	if unix.Getrlimit(unix.RLIMIT_CORE, &core) == nil {
		l.Core = uint64(core.Cur)
		core.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &core)
	}
	if unix.Getuid() != unix.Geteuid() || unix.Getgid() != unix.Getegid() {
		return l, protocol.Policy("credhelper must not run set-user-id or set-group-id")
	}
	return l, nil
}
