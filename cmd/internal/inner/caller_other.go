//go:build !linux && !windows

package inner

import (
	"os"

	"github.com/credhelper/credhelper/helper/logfile"
)

// Caller returns the calling program, for the log: the parent of the front, because on
// these systems the front is our parent. Untested: these systems are only
// cross-compiled and vetted.
func Caller(dialect string) logfile.Caller {
	return logfile.Caller{Dialect: dialect, PID: parentOf(os.Getppid())}
}
