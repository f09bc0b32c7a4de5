package keyring

import (
	"io/fs"
	"os/exec"
	"syscall"
)

// openNonblock has no counterpart here.
const openNonblock = 0

// foreignHands would have to read access control lists; it does not yet.
func foreignHands(fs.FileInfo, string) error { return nil }

// ownGroup keeps a Ctrl-C of ours from the command.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup ends the command; its children are on their own.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }
