//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// again starts this program anew in place of itself, with one entry more in its
// environment; it returns only if that failed.
func (s *session) again(argv []string, entry string) {
	if self, err := os.Executable(); err == nil {
		_ = unix.Exec(self, argv, append(s.environ, entry))
	}
}
