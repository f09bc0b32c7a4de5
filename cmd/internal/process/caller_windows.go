package process

import (
	"os"

	"golang.org/x/sys/windows"
)

// Caller returns the calling program, for the log. Its arguments are never read, because
// they may contain anything (T6).
func Caller() (pid int, executable string) {
	pid = os.Getppid()
	return pid, Executable(pid)
}

// Executable returns the path of a process that started us, or what started us. It is "" if
// that has ended or is another user's.
func Executable(pid int) string {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(process)
	// Windows gives the pid of a process that has ended to a later one.
	if startTime(process) > startTime(windows.CurrentProcess()) {
		return ""
	}
	path := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(path))
	if windows.QueryFullProcessImageName(process, 0, &path[0], &size) != nil {
		return ""
	}
	return windows.UTF16ToString(path[:size])
}

// startTime returns when a process was started, in nanoseconds; 0 if that is not known.
func startTime(process windows.Handle) int64 {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(process, &created, &exited, &kernel, &user) != nil {
		return 0
	}
	return created.Nanoseconds()
}
