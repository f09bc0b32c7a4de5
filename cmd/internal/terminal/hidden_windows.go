package terminal

import "golang.org/x/term"

// hide does nothing: readLine does. Untested: Wine has no console here.
func hide(int) (restore func(), err error) { return func() {}, nil }

// readLine reads one line without echo.
func readLine(fd int) ([]byte, error) { return term.ReadPassword(fd) }
