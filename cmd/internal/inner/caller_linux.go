package inner

import (
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
)

// Caller returns the calling program, for the log: the parent, because the front
// executed us in its own process.
func Caller(dialect string) helper.Caller {
	pid, executable := process.Caller()
	return helper.Caller{Dialect: dialect, PID: pid, Executable: executable}
}
