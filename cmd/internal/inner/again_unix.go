//go:build unix

package inner

import (
	"os"

	"golang.org/x/sys/unix"
)

// again executes this program again in place of itself, with one more entry in its
// environment. It returns only if that fails.
func again(argv, environ []string, entry string) {
	if self, err := os.Executable(); err == nil {
		_ = unix.Exec(self, argv, append(environ, entry))
	}
}
