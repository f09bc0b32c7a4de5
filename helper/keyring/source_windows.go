package keyring

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a Ctrl-C of ours from the command.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup ends the command; its children are on their own.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }
