//go:build unix

package keyring

import (
	"os/exec"
	"syscall"
)

// exe is the suffix of programs.
const exe = ""

// ownGroup puts the command and its children into one group, to be killed together.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
}

// killGroup kills the rest of the group.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// sameVariable reports whether two names are those of one environment variable.
func sameVariable(a, b string) bool { return a == b }

// ForBatch does nothing: only Windows has batch files.
func ForBatch(*exec.Cmd) error { return nil }
