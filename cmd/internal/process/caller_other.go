//go:build !linux && !windows

package process

import "os"

// Caller returns the calling program, for the log: only its pid is known here.
func Caller() (pid int, executable string) { return os.Getppid(), "" }
