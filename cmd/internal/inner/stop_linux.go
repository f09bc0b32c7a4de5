package inner

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// stopSignals stop a job of the shell. The terminal sends them to the whole job, kill to
// credhelper alone. If credhelper stopped alone, its command would go on and wait for it for
// ever; if the command stopped alone, the shell would wait for the job.
var stopSignals = [...]os.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU}

const (
	terminalTime = 100 * time.Millisecond // for a command that has the signal from the terminal
	stopTime     = time.Second            // for one that has it from us
	stopPoll     = 5 * time.Millisecond
)

// stopWith stops the command and then this process, until both are continued. If the
// command does not stop, this process does not, either.
func stopWith(command *os.Process, got os.Signal) {
	if !stopped(command.Pid, terminalTime) {
		_ = command.Signal(got)
		if !stopped(command.Pid, stopTime) {
			return
		}
	}
	runtime.LockOSThread() // a signal to the process would stop this thread a little later
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
	runtime.UnlockOSThread()
	_ = command.Signal(unix.SIGCONT)
}

// stopped reports whether a child is stopped, or stops within this time.
func stopped(pid int, within time.Duration) bool {
	for end := time.Now().Add(within); ; time.Sleep(stopPoll) {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == nil && info.Signo == int32(unix.SIGCHLD) {
			return true
		}
		if err != nil && err != unix.EINTR || time.Now().After(end) {
			return false
		}
	}
}
