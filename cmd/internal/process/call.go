package process

import (
	"errors"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// ErrTyped says that a person has to type the request; the engine tells them so.
var ErrTyped error = personOnly{}

type personOnly struct{}

func (personOnly) Error() string { return "the request has to be typed" }

// TypingTime is how long a person may take to type a request.
const TypingTime = 5 * time.Minute

// ReadCall reads what a tool sends on a descriptor into call, in the way that its
// dialect requires, and decodes it. After an error the returned dialect and request are
// those to refuse with.
func ReadCall(d *protocol.Dialect, call *protocol.Call, want protocol.Stdin, fd int, start time.Time) (*protocol.Dialect, protocol.Request, error) {
	var err error
	if call.Stdin, err = ReadRequest(fd, want, start); err != nil {
		return d, protocol.Request{}, err
	}
	d = protocol.Settle(d, call.Stdin)
	r, err := d.Read(*call)
	return d, r, err
}

// Know completes a request's Asker by the process that asks.
func Know(r *protocol.Request) {
	if r.Asker != "" {
		r.Asker = ofParent(r.Asker)
	}
}

// WriteReply writes an answer to a descriptor, in one write, and returns the exit code.
// Nothing was written before, and nothing is written after a failure (R7). It calls
// explain with the reason for a failure, unless the reply itself reports it.
func WriteReply(fd int, r protocol.Reply, err error, explain func(error)) int {
	if len(r.Stdout) > 0 {
		if e := WriteOnce(fd, r.Stdout); e != nil {
			explain(errors.New("stdout: " + e.Error()))
			return 1
		}
	}
	if err == nil {
		return r.Exit
	}
	if e := new(protocol.Error); !r.Quiet {
		explain(err)
	} else if errors.As(err, &e) && e.Note != "" {
		explain(errors.New(e.Note))
	}
	return r.Exit
}
