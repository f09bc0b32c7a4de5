//go:build unix

package inner

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// passedSignals are passed on to the user's own command.
var passedSignals = [...]os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
}

// reachedByTerminal reports whether the terminal itself sends a signal to the command,
// which is in the same foreground job and would get it twice.
func reachedByTerminal(got os.Signal) bool {
	switch got {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH:
	default:
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	foreground, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

// killedBy returns the signal that ended a process; 0 if none did.
func killedBy(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return int(status.Signal())
	}
	return 0
}
