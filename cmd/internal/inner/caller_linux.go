package inner

import (
	"os"
	"strconv"

	"github.com/credhelper/credhelper/helper"
)

// Caller is who asks, for the log: the parent, because the front made way for us in
// its own process. Of another user's program only the pid is seen. Its arguments
// are never looked at: they may hold anything (T6).
func Caller(dialect string) helper.Caller {
	pid := os.Getppid() // 0 for a parent outside of this container
	executable, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return helper.Caller{Dialect: dialect, PID: pid, Executable: executable}
}
