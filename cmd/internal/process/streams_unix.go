//go:build unix

package process

import (
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/protocol"
)

// UserID returns the numeric user id of this process.
func UserID() int { return unix.Getuid() }

// WriteOnce writes b to a descriptor with one system call. A short write is an error,
// because the tool would mistake the part for the whole (R7).
func WriteOnce(fd int, b []byte) error {
	for {
		n, err := unix.Write(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err == nil && n < len(b) {
			err = io.ErrShortWrite
		}
		return err
	}
}

// StdinTime is the time limit for receiving a request, from the start of the process.
const StdinTime = 2 * time.Second

// silence is the time without input after which we check whether a person has to type the
// request.
const silence = 300 * time.Millisecond

// ReadRequest reads a request from a descriptor in the way that its dialect requires.
// One byte more than the dialect's limit is refused, not truncated (R1), and a tool
// that sends nothing until 2 s after start cannot make us hang (R2). It returns ErrTyped
// if nothing has come from a terminal yet.
func ReadRequest(fd int, want protocol.Stdin, start time.Time) ([]byte, error) {
	if want.Until == protocol.Nothing {
		return nil, nil
	}
	buf := make([]byte, 0, min(want.Limit+1, 4096))
	for {
		if want.Complete(buf) {
			return buf, nil
		}
		if len(buf) > want.Limit {
			return nil, protocol.Malformed("the request is too long")
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(4*cap(buf), want.Limit+1))
			copy(grown, buf)
			buf = grown
		}
		left := time.Until(start.Add(StdinTime))
		unlooked := len(buf) == 0 && left > StdinTime-silence
		if unlooked {
			left -= StdinTime - silence
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, max(0, int(left.Milliseconds())))
		if err == unix.EINTR {
			continue
		}
		if unlooked && err == nil && ready == 0 {
			if isTerminal(fd) {
				return nil, ErrTyped
			}
			continue
		}
		if err != nil || ready == 0 {
			return nil, protocol.Malformed("no whole request on stdin within 2 s")
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return nil, protocol.Malformed("stdin: " + err.Error())
		}
		if n == 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}

// isTerminal reports whether a descriptor is a terminal: nothing else has a size.
func isTerminal(fd int) bool {
	_, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	return err == nil
}
