//go:build unix && !linux

package handover

import "golang.org/x/sys/unix"

// become replaces this process: same pid, same streams, same exit code. The bytes already
// read from stdin are passed in a pipe; if they do not fit there, which no tool's request
// needs, the other executable is a child. Untested: these systems are only cross-compiled
// and vetted.
func become(path string, argv, environ []string, stdin []byte) (int, error) {
	if stdin != nil {
		fd, fits := filledPipe(stdin)
		if !fits {
			return asChild(path, argv, environ, stdin)
		}
		if err := unix.Dup2(fd, 0); err != nil {
			return 0, err
		}
	}
	return 0, unix.Exec(path, argv, environ)
}
