package main

import (
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// Untried: this system is cross-compiled and vetted only.

func userID() int { return os.Getuid() }

func owner(fs.FileInfo) int { return os.Getuid() }

func hardenHere() error { return nil }

func writeOnce(fd int, b []byte) error {
	file := os.Stdout
	if fd == 2 {
		file = os.Stderr
	}
	_, err := file.Write(b)
	return err
}

const stdinTime = 2 * time.Second

func readRequest(want protocol.Stdin, start time.Time) ([]byte, error) {
	if want.Until == protocol.Nothing {
		return nil, nil
	}
	type result struct {
		octets []byte
		err    error
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
		if r.err == nil && len(r.octets) > want.Limit {
			return nil, malformedError("the request is too long")
		}
		return r.octets, r.err
	case <-time.After(time.Until(start.Add(stdinTime))):
		return nil, malformedError("no whole request on stdin within 2 s")
	}
}

func malformedError(text string) error {
	return &protocol.Error{Kind: protocol.ErrMalformed, Text: text}
}
