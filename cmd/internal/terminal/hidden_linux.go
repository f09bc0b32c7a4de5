package terminal

import "golang.org/x/sys/unix"

// flushTermios is setTermios that also discards what was typed and not read.
const getTermios, setTermios, flushTermios = unix.TCGETS, unix.TCSETS, unix.TCSETSF
