//go:build unix && !linux && !darwin

package inner

// parentOf is 0: the log names no caller where golang.org/x/sys cannot find one.
func parentOf(int) int { return 0 }
