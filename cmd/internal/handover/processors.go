package handover

import "strings"

// Processors is the variable that limits Go's runtime to some of the processors.
const Processors = "GOMAXPROCS"

// oneProcessor lets an executable start on one processor. Most calls of the engine have
// nothing to do in parallel, and each goroutine would wake up a thread in vain, which
// takes a tenth of a miss. It has to be set before a process starts. The sign shows that
// the front set it, not the user.
const oneProcessor = Processors + "=+1"

// onOneProcessor returns the environment for an executable that is to start on one
// processor, unless the user has set the number.
func onOneProcessor(environ []string) []string {
	for _, entry := range environ {
		if strings.HasPrefix(entry, Processors+"=") {
			return environ
		}
	}
	return append(environ, oneProcessor)
}

// CutOneProcessor returns the environment as the user set it. limited reports whether
// the process was started on one processor; Processors is then still set in it.
func CutOneProcessor(environ []string) (own []string, limited bool) {
	last := len(environ) - 1
	if last < 0 || environ[last] != oneProcessor {
		return environ, false
	}
	return environ[:last], true
}
