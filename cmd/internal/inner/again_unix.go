//go:build unix

package inner

import (
	"os"

	"golang.org/x/sys/unix"
)

// again starts this program anew in place of itself, with one entry more in its
// environment; it returns only if that failed.
func again(argv, environ []string, entry string) {
	if self, err := os.Executable(); err == nil {
		_ = unix.Exec(self, argv, append(environ, entry))
	}
}
