package inner

import (
	"errors"
	"io/fs"
	"os"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Fail writes one line of error, and at most one line of advice, to stderr, and returns
// the exit code.
func Fail(stderr *os.File, err error) int {
	text := err.Error()
	if file, ok := err.(*fs.PathError); ok { // "open FILE: ..." says what we did, not what is wrong
		text = file.Path + ": " + file.Err.Error()
	}
	text = "credhelper: " + printable.Line(text) + "\n"
	var e *protocol.Error
	if errors.As(err, &e) && e.Hint != "" {
		text += printable.Line(e.Hint) + "\n"
	}
	_ = process.WriteOnce(int(stderr.Fd()), []byte(text))
	return ExitCode(err)
}

// ExitCode is protocol.ExitCode, except that an error of the file system counts as one
// of the configuration.
func ExitCode(err error) int {
	code := protocol.ExitCode(err)
	var file *fs.PathError
	if code == 1 && errors.As(err, &file) {
		return protocol.ExitCode(protocol.ErrPolicy)
	}
	return code
}

// Say writes one line to stderr.
func Say(stderr *os.File, text string) {
	_ = process.WriteOnce(int(stderr.Fd()), []byte(printable.Line(text)+"\n"))
}
