package inner

import (
	"os"
	"strconv"

	"github.com/credhelper/credhelper/helper"
)

// Caller returns the calling program, for the log: the parent, because the front
// executed us in its own process. Of another user's program only the pid is visible.
// Its arguments are never read, because they may contain anything (T6).
func Caller(dialect string) helper.Caller {
	pid := os.Getppid() // 0 for a parent outside of this container
	executable, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return helper.Caller{Dialect: dialect, PID: pid, Executable: executable}
}
