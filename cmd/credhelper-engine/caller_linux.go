package main

import (
	"os"
	"strconv"

	"github.com/credhelper/credhelper/helper"
)

// caller is who asks, for the log: the parent, because the front made way for us in
// its own process. Of another user's program only the pid is seen. Its arguments
// are never looked at: they may hold anything (T6).
func (s *session) caller() helper.Caller {
	pid := os.Getppid() // 0 for a parent outside of this container
	executable, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return helper.Caller{Dialect: s.verb, PID: pid, Executable: executable}
}
