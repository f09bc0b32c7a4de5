//go:build unix

package main

import (
	"os"
	"syscall"
)

// endingSignals end this program, after it has cleaned up.
var endingSignals = [...]os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// hasTerminal reports whether this process has a controlling terminal, which sends
// SIGHUP when it is closed.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err == nil {
		tty.Close()
	}
	return err == nil
}
