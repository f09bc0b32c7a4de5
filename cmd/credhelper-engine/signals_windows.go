package main

import (
	"os"
	"syscall"
)

// endingSignals are Ctrl-C and Ctrl-Break, and the end of the console, of the session or of
// the machine, which Go calls SIGTERM.
var endingSignals = [...]os.Signal{os.Interrupt, syscall.SIGTERM}

func hasTerminal() bool { return true }
