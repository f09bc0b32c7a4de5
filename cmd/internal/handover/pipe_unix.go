//go:build unix

package handover

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// filledPipe returns the end of a pipe from which content is read, and nothing after it. fits
// is false if a pipe does not hold so much.
func filledPipe(content []byte) (fd int, fits bool) {
	var ends [2]int
	syscall.ForkLock.RLock() // no child inherits the end that writes
	err := unix.Pipe(ends[:])
	if err == nil {
		unix.CloseOnExec(ends[0])
		unix.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, false
	}
	defer unix.Close(ends[1])
	fits = unix.SetNonblock(ends[1], true) == nil
	for fits && len(content) > 0 {
		n, err := unix.Write(ends[1], content)
		if err == unix.EINTR {
			continue
		}
		fits = err == nil
		content = content[max(n, 0):]
	}
	if !fits {
		unix.Close(ends[0])
		return -1, false
	}
	return ends[0], true
}
