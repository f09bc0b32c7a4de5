package inner

import (
	"errors"

	"golang.org/x/sys/windows"

	"github.com/credhelper/credhelper/cmd/internal/handover"
)

// hostOf returns a function that reports whether the host lives: who started the front,
// which started us or the engine that did. Windows gives an orphan no other parent, so the
// host's process is kept open.
func hostOf(parent int) func() bool {
	forever := func() bool { return true }
	if front, name := lookUp(parent); name == handover.Engine+".exe" {
		parent = front
	}
	host := parentOf(parent)
	if host == 0 {
		return forever
	}
	const rights = windows.SYNCHRONIZE | windows.PROCESS_QUERY_LIMITED_INFORMATION
	process, err := windows.OpenProcess(rights, false, uint32(host))
	switch {
	case errors.Is(err, windows.ERROR_INVALID_PARAMETER): // gone already
		return func() bool { return false }
	case err != nil: // somebody else's
		return forever
	}
	if child, err := windows.OpenProcess(rights, false, uint32(parent)); err == nil {
		defer windows.CloseHandle(child)
		if started(process) > started(child) { // another process with the pid of the host
			return func() bool { return false }
		}
	}
	return func() bool {
		event, err := windows.WaitForSingleObject(process, 0)
		return err != nil || event != windows.WAIT_OBJECT_0
	}
}

// started returns when a process was created, in 100 ns; 0 if that is not known.
func started(process windows.Handle) int64 {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(process, &created, &exited, &kernel, &user) != nil {
		return 0
	}
	return int64(created.HighDateTime)<<32 | int64(created.LowDateTime)
}
