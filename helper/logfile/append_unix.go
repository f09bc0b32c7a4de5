//go:build unix

package logfile

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// appendOnce writes to a file that was opened for appending, with one system call, unlike
// File.Write: if the disk is full, fewer bytes are written.
func appendOnce(f *os.File, b []byte) (int, error) {
	n, err := unix.Write(int(f.Fd()), b)
	for err == unix.EINTR {
		n, err = unix.Write(int(f.Fd()), b)
	}
	if err != nil {
		return 0, &fs.PathError{Op: "write", Path: f.Name(), Err: err}
	}
	return n, nil
}
