//go:build unix

package terminal

import "golang.org/x/sys/unix"

// readHidden reads one line that the terminal does not show; none if
// Ctrl-D was typed at its begin. Ctrl-D behind text ends the line. It is not
// term.ReadPassword because that takes the end of the input for a pause.
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
	// In this mode one read gives one line, or what was typed before Ctrl-D.
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
