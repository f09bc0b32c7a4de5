package inner

import (
	"os"
	"syscall"
)

// passedSignals are Ctrl-C and Ctrl-Break, and the end of the console or of the session,
// which Go calls SIGTERM: Windows gives all programs a few seconds then.
var passedSignals = [...]os.Signal{os.Interrupt, syscall.SIGTERM}

// reachedByTerminal is always true: a console tells every program in it.
func reachedByTerminal(os.Signal) bool { return true }

func killedBy(*os.ProcessState) int { return 0 }
