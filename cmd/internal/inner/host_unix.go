//go:build unix

package inner

import "os"

// hostOf returns a function that reports whether the parent of this process still lives.
func hostOf(parent int) func() bool {
	return func() bool { return os.Getppid() == parent }
}
