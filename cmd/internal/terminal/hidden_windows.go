package terminal

import "golang.org/x/term"

// readHidden reads one line without echo. Untested: this system is only cross-compiled
// and vetted.
func readHidden(fd int) ([]byte, error) { return term.ReadPassword(fd) }
