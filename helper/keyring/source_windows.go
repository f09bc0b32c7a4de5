package keyring

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps our Ctrl-C from the command.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills the command, but not its children.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }
