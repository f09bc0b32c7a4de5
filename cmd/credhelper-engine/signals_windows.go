package main

import (
	"os"
)

// Untested: this system is only cross-compiled and vetted.

var (
	endingSignals = [...]os.Signal{os.Interrupt}
	passedSignals = [...]os.Signal{os.Interrupt}
)

// reachedByTerminal is always true: a console sends Ctrl-C to every program in it.
func reachedByTerminal(os.Signal) bool { return true }

func killedBy(*os.ProcessState) int { return 0 }

func hasTerminal() bool { return true }
