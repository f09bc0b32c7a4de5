//go:build windows

package main

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// schtasks runs at once what it is to run later: Wine's knows no schedule.
func schtasks(c *call) error {
	at := slices.Index(c.args, "/tr")
	if at < 0 || at+1 == len(c.args) {
		return errors.New("no /tr")
	}
	line := c.args[at+1]
	program, _, _ := strings.Cut(line, " ")
	if rest, quoted := strings.CutPrefix(line, `"`); quoted {
		program, _, _ = strings.Cut(rest, `"`)
	}
	cmd := exec.Command(program)
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: line}
	cmd.Stdout, cmd.Stderr = c.out, c.said
	return cmd.Run()
}
