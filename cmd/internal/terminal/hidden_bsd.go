//go:build unix && !linux

package terminal

import "golang.org/x/sys/unix"

// flushTermios is setTermios that also discards what was typed and not read.
const getTermios, setTermios, flushTermios = unix.TIOCGETA, unix.TIOCSETA, unix.TIOCSETAF
