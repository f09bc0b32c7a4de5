//go:build unix

package terminal

import "golang.org/x/sys/unix"

// readHidden reads one line without echo. It returns an empty line if Ctrl-D was typed
// at its beginning; Ctrl-D after text ends the line. It does not use term.ReadPassword,
// which keeps reading after Ctrl-D.
func readHidden(fd int) ([]byte, error) {
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
	defer func() { _ = unix.IoctlSetTermios(fd, setTermios, before) }()
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
