package main

import (
	"errors"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/protocol"
)

// reply writes an answer and returns the exit code.
func (f *front) reply(r protocol.Reply, err error) int {
	return process.WriteReply(1, r, err, f.explain)
}

// ofPerson reports whether a call that could not be read is a person's: the engine has
// more to say to them, and the time to wait.
func ofPerson(d *protocol.Dialect, want protocol.Stdin, err error) bool {
	return err == process.ErrTyped || err != nil && want.Until == protocol.Nothing && d.Link == ""
}

// refuse writes the dialect's form of a refusal and returns the exit code.
func (f *front) refuse(d *protocol.Dialect, r protocol.Request, err error) int {
	return f.reply(d.Refuse(r, err), err)
}

// fail reports an error for which no dialect was chosen, and returns the exit code.
func (f *front) fail(err error) int {
	f.explain(err)
	return protocol.ExitCode(err)
}

// explain writes one line of error, and at most one line of advice, to stderr.
func (f *front) explain(err error) {
	text := "credhelper: " + err.Error() + "\n"
	var e *protocol.Error
	if errors.As(err, &e) && e.Hint != "" {
		text += e.Hint + "\n"
	}
	_ = process.WriteOnce(2, []byte(text))
}
