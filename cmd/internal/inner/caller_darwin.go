package inner

import "golang.org/x/sys/unix"

// parentOf returns 0 if the parent cannot be found.
func parentOf(pid int) int {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0
	}
	return int(info.Eproc.Ppid)
}
