package handover

import (
	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/cmd/internal/process"
)

// become replaces this process: same pid, same streams, same exit code. The bytes
// already read from stdin are passed in a memory file, which no other process can open
// by name.
func become(path string, argv, environ []string, stdin []byte) (int, error) {
	if stdin != nil {
		fd, err := unix.MemfdCreate("request", unix.MFD_CLOEXEC)
		if err != nil {
			return 0, err
		}
		if err := process.WriteOnce(fd, stdin); err != nil && len(stdin) > 0 {
			return 0, err
		}
		if _, err := unix.Seek(fd, 0, 0); err != nil {
			return 0, err
		}
		if err := unix.Dup3(fd, 0, 0); err != nil {
			return 0, err
		}
	}
	return 0, unix.Exec(path, argv, environ)
}
