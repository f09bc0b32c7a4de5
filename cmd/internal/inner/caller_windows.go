package inner

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/logfile"
)

// Caller returns the calling program, for the log: the parent of the front, which is our
// parent.
func Caller(dialect string) logfile.Caller {
	pid := parentOf(os.Getppid())
	return logfile.Caller{Dialect: dialect, PID: pid, Executable: process.Executable(pid)}
}

// parentOf returns 0 if the parent cannot be found.
func parentOf(pid int) int {
	parent, _ := lookUp(pid)
	return parent
}

// lookUp returns the parent of a process and the file name of the process; 0 and "" if
// they cannot be found.
func lookUp(pid int) (parent int, name string) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return 0, ""
	}
	defer windows.CloseHandle(snapshot)
	var entry windows.ProcessEntry32
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if int(entry.ProcessID) == pid {
			return int(entry.ParentProcessID), windows.UTF16ToString(entry.ExeFile[:])
		}
	}
	return 0, ""
}
