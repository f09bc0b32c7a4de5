package process

import (
	"io"
	"os"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// UserID returns -1: this system has no numeric user ids.
func UserID() int { return os.Getuid() }

// WriteOnce writes b to the standard output (1, or its handle) or error (2, or its
// handle). Handles are multiples of 4, so neither is taken for the other.
func WriteOnce(fd int, b []byte) error {
	file := os.Stdout
	if fd == 2 || uintptr(fd) == os.Stderr.Fd() {
		file = os.Stderr
	}
	_, err := file.Write(b)
	return err
}

// StdinTime is the time limit for receiving a request, from the start of the process.
const StdinTime = 2 * time.Second

// ReadRequest reads a request from the standard input in the way that its dialect
// requires. It refuses one byte too many, and a request that takes longer than 2 s from
// start (R1, R2).
func ReadRequest(_ int, want protocol.Stdin, start time.Time) ([]byte, error) {
	if want.Until == protocol.Nothing {
		return nil, nil
	}
	type result struct {
		bytes []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var all []byte
		buf := make([]byte, 4096)
		for len(all) <= want.Limit && !want.Complete(all) {
			n, err := os.Stdin.Read(buf)
			all = append(all, buf[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				done <- result{nil, err}
				return
			}
		}
		done <- result{all, nil}
	}()
	select {
	case r := <-done:
		if r.err == nil && len(r.bytes) > want.Limit {
			return nil, protocol.Malformed("the request is too long")
		}
		return r.bytes, r.err
	case <-time.After(time.Until(start.Add(StdinTime))):
		return nil, protocol.Malformed("no whole request on stdin within 2 s")
	}
}
