//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// hasReader reports whether f may still have a reader. It is false if f is a pipe or a
// socket whose other end is closed.
func hasReader(f *os.File) bool {
	poll := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(poll, 0)
	return err != nil || n == 0 || poll[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) == 0
}
