package terminal

import "golang.org/x/term"

// readHidden reads one line that the console does not show. Untried: this system is
// cross-compiled and vetted only.
func readHidden(fd int) ([]byte, error) { return term.ReadPassword(fd) }
