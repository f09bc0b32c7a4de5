//go:build unix

package keyring

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// openNonblock keeps the opening of a pipe from waiting for its writer.
const openNonblock = syscall.O_NONBLOCK

// foreignHands refuses a file that somebody else than root or we owns or may
// write.
func foreignHands(info fs.FileInfo, path string) error {
	owner, known := ownerOf(info)
	switch {
	case !known || owner != 0 && owner != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to uid %d, neither root nor us", ErrUnsafe, path, owner)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: %s has mode %04o: others can write it", ErrUnsafe, path, info.Mode().Perm())
	}
	return nil
}

// ownerOf is the uid that owns a file.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, false
	}
	return int(stat.Uid), true
}

// ownGroup makes the command and its children one group, which ends as one.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
}

// killGroup ends whatever is left of the group.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
