package process

import (
	"os"
	"strconv"
	"strings"
)

// ofParent adds to what a tool asked the process that it is: number and time of its
// start, so that no later process of that number is taken for it. It is "" where that
// cannot be known, as for a parent outside of this container.
func ofParent(asker string) string {
	pid := strconv.Itoa(os.Getppid())
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	// proc_pid_stat(5): the program's name, in brackets, may hold anything; the time of
	// the start is the 20th field after it.
	const start = 19
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) <= start {
		return ""
	}
	return pid + " " + fields[start] + " " + asker
}
