package main

import (
	"errors"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/protocol"
)

// reply writes an answer, whole and once, and returns the exit code. Nothing was
// written before, and nothing is written after a failure (R7).
func (f *front) reply(r protocol.Reply, err error) int {
	if len(r.Stdout) > 0 {
		if e := process.WriteOnce(1, r.Stdout); e != nil {
			f.say("stdout: " + e.Error())
			return 1
		}
	}
	if err != nil && !r.Quiet {
		f.explain(err)
	}
	return r.Exit
}

// refuse answers in the dialect's words for "no".
func (f *front) refuse(d *protocol.Dialect, r protocol.Request, err error) int {
	return f.reply(d.Refuse(r, err), err)
}

// fail ends a call that never came to a dialect.
func (f *front) fail(err error) int {
	f.explain(err)
	return protocol.ExitCode(err)
}

// explain puts one line, and at most one hint, on stderr.
func (f *front) explain(err error) {
	text := "credhelper: " + err.Error() + "\n"
	var e *protocol.Error
	if errors.As(err, &e) && e.Hint != "" {
		text += e.Hint + "\n"
	}
	_ = process.WriteOnce(2, []byte(text))
}

func (f *front) say(text string) { _ = process.WriteOnce(2, []byte("credhelper: "+text+"\n")) }
