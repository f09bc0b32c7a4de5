//go:build !linux

package handover

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// asChild runs the other executable as a child, passes signals on, and returns its exit
// code.
func asChild(path string, argv, environ []string, stdin []byte) (int, error) {
	cmd := exec.Command(path)
	cmd.Args, cmd.Env = argv, environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	endTogether(cmd.Process.Pid)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
