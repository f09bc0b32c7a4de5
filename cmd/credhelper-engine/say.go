package main

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/process"
)

// exitCode is the error of a command that has already reported everything except its
// exit code, which is mostly that of the user's own command.
type exitCode int

func (exitCode) Error() string { return "" }

func asExit(err error) (int, bool) {
	var code exitCode
	ok := errors.As(err, &code)
	return int(code), ok
}

// fail writes one line of error, and at most one line of advice, to stderr, and returns
// the exit code.
func (s *session) fail(err error) int { return inner.Fail(s.stderr, err) }

// say writes one line to stderr.
func (s *session) say(text string) { inner.Say(s.stderr, text) }

// sayPainted is say for a line that has colours and whose foreign parts are already
// sanitized.
func (s *session) sayPainted(line string) {
	_ = process.WriteOnce(int(s.stderr.Fd()), []byte(line+"\n"))
}

// print writes an answer to stdout, in one write. A failure is exit 1: a reader must
// not mistake a part for the whole (R7).
func (s *session) print(text string) error {
	if err := writeAll(int(s.stdout.Fd()), []byte(text)); err != nil {
		return errors.New("stdout: " + err.Error())
	}
	return nil
}

// writeAll writes an answer for a person, which may be longer than a pipe accepts at
// once.
func writeAll(fd int, b []byte) error {
	const most = 32 << 10
	for len(b) > most {
		if err := process.WriteOnce(fd, b[:most]); err != nil {
			return err
		}
		b = b[most:]
	}
	if len(b) == 0 {
		return nil
	}
	return process.WriteOnce(fd, b)
}

// printJSON writes an answer as indented JSON.
func (s *session) printJSON(v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the readers are people and jq, and addresses may contain <>
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	return s.print(b.String())
}

// stamp formats a time for JSON, "" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
