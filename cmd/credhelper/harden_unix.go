//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// hardenHere sets the soft core limit to 0 and refuses rights that the caller
// does not have. Untried: these systems are cross-compiled and vetted only.
func hardenHere() error {
	var core unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &core) == nil {
		core.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &core)
	}
	if unix.Getuid() != unix.Geteuid() || unix.Getgid() != unix.Getegid() {
		return forbidden("credhelper must not run set-user-id or set-group-id")
	}
	return nil
}
