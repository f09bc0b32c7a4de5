package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// launch is one call of a program.
type launch struct {
	name   string
	argv   []string // argv[0] is the executable's path
	env    []string
	dir    string
	stdin  string // path of the file for stdin; may be empty
	rarely bool   // too slow for every round
	want   string // what stdout must contain, so that a failure does not count as fast

	before func() error           // called before each run, not measured; may be nil
	spent  func() time.Duration   // by others, so far: a run's time is without it; may be nil
	used   func(*os.ProcessState) // told what each run used; may be nil
}

// once runs the launch and returns its duration. The child is started by
// clone(CLONE_VM|CLONE_VFORK), like posix_spawn, so that the size of this process does
// not matter.
func (l *launch) once(null *os.File) (time.Duration, error) {
	if l.before != nil {
		if err := l.before(); err != nil {
			return 0, err
		}
	}
	stdin := null
	if l.stdin != "" {
		file, err := os.Open(l.stdin)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		stdin = file
	}
	spent := l.spent
	if spent == nil {
		spent = func() time.Duration { return 0 }
	}
	attr := os.ProcAttr{Dir: l.dir, Env: l.env, Files: []*os.File{stdin, null, null}}
	already, began := spent(), time.Now()
	process, err := os.StartProcess(l.argv[0], l.argv, &attr)
	if err != nil {
		return 0, err
	}
	state, err := process.Wait()
	took := time.Since(began) - (spent() - already)
	if err == nil && l.used != nil {
		l.used(state)
	}
	if err == nil && !state.Success() {
		err = fmt.Errorf("%s: %v", l.name, state)
	}
	return took, err
}

// check runs the launch once and checks its answer.
func (l *launch) check() error {
	cmd := exec.Command(l.argv[0], l.argv[1:]...)
	cmd.Env, cmd.Dir = l.env, l.dir
	end, err := l.redirect(cmd)
	if err != nil {
		return err
	}
	defer end()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", l.name, err, stderr.String())
	}
	if !bytes.Contains(out, []byte(l.want)) {
		return fmt.Errorf("%s does not answer with the token: %.100q", l.name, out)
	}
	return nil
}

// redirect gives a command the launch's stdin; end closes it.
func (l *launch) redirect(cmd *exec.Cmd) (end func(), err error) {
	if l.stdin == "" {
		return func() {}, nil
	}
	file, err := os.Open(l.stdin)
	if err != nil {
		return nil, err
	}
	cmd.Stdin = file
	return func() { file.Close() }, nil
}
