package keyring

import (
	"os/exec"
	"strings"
	"syscall"
)

// exe is the suffix of programs.
const exe = ".exe"

// ownGroup keeps our Ctrl-C from the command.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills the command, but not its children.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// sameVariable reports whether two names are those of one environment variable, such as
// Path and PATH.
func sameVariable(a, b string) bool { return strings.EqualFold(a, b) }
