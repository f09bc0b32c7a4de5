//go:build unix

package inner

import (
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/logfile"
)

// Caller returns the calling program, for the log: the parent, because the front
// executed us in its own process.
func Caller(dialect string) logfile.Caller {
	pid, executable := process.Caller()
	return logfile.Caller{Dialect: dialect, PID: pid, Executable: executable}
}
