package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
)

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak runs the launch and returns its peak resident memory in bytes. wait4's ru_maxrss
// cannot be used, because a child of vfork inherits the size of this process. So the
// child is stopped before it exits and its own figure is read.
func peak(l *launch) (int, error) {
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command(l.argv[0], l.argv[1:]...)
	cmd.Env, cmd.Dir = l.env, l.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || !status.Stopped() {
		return 0, fmt.Errorf("%s did not stop at its start: %v", l.name, err)
	}
	if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACEEXIT); err != nil {
		return 0, err
	}
	bytes, signal := 0, 0
	for {
		if err := syscall.PtraceCont(pid, signal); err != nil {
			return 0, err
		}
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
			return 0, err
		}
		switch {
		case status.Exited() && status.ExitStatus() == 0 && bytes > 0:
			return bytes, nil
		case status.Exited() || status.Signaled():
			return 0, fmt.Errorf("%s ended with %v, %d bytes", l.name, status, bytes)
		case status.TrapCause() == syscall.PTRACE_EVENT_EXIT:
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			found := highWater.FindSubmatch(text)
			if err != nil || found == nil {
				return 0, fmt.Errorf("no VmHWM: %v", err)
			}
			kib, err := strconv.Atoi(string(found[1]))
			if err != nil {
				return 0, err
			}
			bytes, signal = kib<<10, 0
		default:
			signal = int(status.StopSignal())
		}
	}
}
