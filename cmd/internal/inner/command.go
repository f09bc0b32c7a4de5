package inner

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// HeldSignals are caught while the user's own command runs: they are meant for the
// command, and credhelper must live on to clean up after it.
type HeldSignals struct {
	signals chan os.Signal
	stop    chan os.Signal // those that stop a job
	done    chan struct{}
}

// HoldSignals holds signals from now on. What the caller ignores, as nohup does, the
// command ignores as well.
func HoldSignals() *HeldSignals {
	h := &HeldSignals{make(chan os.Signal, 16), make(chan os.Signal, 1), make(chan struct{})}
	hold(h.signals, passedSignals[:])
	hold(h.stop, stopSignals[:])
	return h
}

func hold(into chan os.Signal, signals []os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(into, s)
		}
	}
}

// PassTo passes pending and future signals on to the command, except those that the
// terminal sends to it directly. Where the command stops, so does this process.
func (h *HeldSignals) PassTo(command *os.Process) {
	go func() {
		for {
			select {
			case got := <-h.signals:
				if !reachedByTerminal(got) {
					_ = command.Signal(got)
				}
			case got := <-h.stop:
				stopWith(command, got)
				select {
				case <-h.stop: // the command has stopped the whole job then
				default:
				}
			case <-h.done:
				return
			}
		}
	}()
}

// Stop ends both.
func (h *HeldSignals) Stop() {
	signal.Stop(h.signals)
	signal.Stop(h.stop)
	close(h.done)
}

// CannotRun returns the error for a program of the user's that is not there or did not
// start. It wraps ErrMalformed if no file has that name, else ErrPolicy.
func CannotRun(path string, err error) error {
	info, missing := os.Stat(path)
	e := &protocol.Error{Kind: protocol.ErrPolicy}
	var why string
	switch {
	case errors.Is(missing, fs.ErrNotExist):
		e.Kind, why = protocol.ErrMalformed, "no such file"
	case missing == nil && info.IsDir():
		e.Kind, why = protocol.ErrMalformed, "it is a directory"
	case errors.Is(err, fs.ErrNotExist): // the file is there, so the kernel means another one
		why, e.Hint = "the program that runs it is missing", "its first line names that program, such as #!/bin/sh"
	case errors.Is(err, syscall.ENOEXEC):
		why, e.Hint = "it is no program for this machine", "the first line of a script names the program that runs it, such as #!/bin/sh"
	case errors.Is(err, fs.ErrPermission) && missing == nil && info.Mode()&0o111 == 0:
		why, e.Hint = "it is not executable", "chmod +x "+path
	default:
		why = cause(err).Error()
	}
	e.Text = "cannot run " + printable.Line(path) + ": " + printable.Line(why)
	return e
}

// cause returns an error without what Go puts before it: operation, program, path.
func cause(err error) error {
	var file *fs.PathError
	var program *exec.Error
	switch {
	case errors.As(err, &file):
		return file.Err
	case errors.As(err, &program):
		return program.Err
	}
	return err
}

// ChildExit returns the exit code of a command that ran: its own, or 128+n.
func ChildExit(err error) (int, error) {
	var exit *exec.ExitError
	if err == nil {
		return 0, nil
	}
	if !errors.As(err, &exit) {
		return 0, err
	}
	if code := exit.ExitCode(); code >= 0 {
		return code, nil
	}
	return 128 + killedBy(exit.ProcessState), nil
}

// ForBatch prepares a command for the user that may be a batch file.
func ForBatch(cmd *exec.Cmd) error {
	if err := keyring.ForBatch(cmd); err != nil {
		return protocol.Malformed(err.Error())
	}
	return nil
}

// WithVariable returns the environment with a variable set, in place of all of that name.
func WithVariable(environ []string, name, value string) []string {
	return append(WithoutVariable(environ, name), name+"="+value)
}

// WithoutVariable returns the environment without a variable, however Windows spells it.
func WithoutVariable(environ []string, name string) []string {
	rest := make([]string, 0, len(environ)+2)
	for _, entry := range environ {
		if _, found := cache.Lookup([]string{entry}, name); !found {
			rest = append(rest, entry)
		}
	}
	return rest
}
