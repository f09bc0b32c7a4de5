//go:build unix

package terminal

import "golang.org/x/sys/unix"

// hide switches echo off. restore switches it on again and discards what was typed and not
// read: lines that were pasted behind the first would be shown, and run by the shell.
func hide(fd int) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, flushTermios, before) }, nil
}

// readLine reads one line from a terminal. It returns an empty line if Ctrl-D was typed
// at its beginning; Ctrl-D after text ends the line. It does not use term.ReadPassword,
// which keeps reading after Ctrl-D.
func readLine(fd int) ([]byte, error) {
	// In this mode one read returns one line, or the text before Ctrl-D.
	line := make([]byte, longestLine+1)
	for {
		n, err := unix.Read(fd, line)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n > 0 && line[n-1] == '\n':
			return line[:n-1], nil
		default:
			return line[:n], nil
		}
	}
}
