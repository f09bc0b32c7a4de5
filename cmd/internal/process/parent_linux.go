package process

import (
	"os"
	"strconv"
	"strings"
)

// ofParent adds the parent process, as its pid and start time, to what a tool asked, so
// that no later process with the same pid is mistaken for it. It returns "" if the
// parent is unknown, as for one outside of this container.
func ofParent(asker string) string {
	pid := strconv.Itoa(os.Getppid())
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	// proc_pid_stat(5): the program's name, in parentheses, may contain anything; the
	// start time is the 20th field after it.
	const start = 19
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) <= start {
		return ""
	}
	return pid + " " + fields[start] + " " + asker
}
