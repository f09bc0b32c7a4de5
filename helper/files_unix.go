//go:build unix

package helper

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openNonblock keeps the opening of a pipe from waiting for its writer.
const openNonblock = syscall.O_NONBLOCK

// foreignHands says why somebody else than root and we could have written the
// file; "" if nobody could.
func foreignHands(info fs.FileInfo) string {
	st, known := info.Sys().(*syscall.Stat_t)
	switch {
	case !known || st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("belongs to uid %d, neither root nor you", st.Uid)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Sprintf("has mode %04o: others can write it; chmod go-w it, once you know why", info.Mode().Perm())
	}
	return ""
}
