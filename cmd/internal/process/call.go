package process

import (
	"errors"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// ReadCall reads what a tool sends on a descriptor into call, as its dialect wants it,
// and decodes it. After an error the dialect and the request are those in whose words
// to refuse.
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

// WriteReply writes an answer to a descriptor, whole and once, and returns the exit
// code. Nothing was written before, and nothing is written after a failure (R7).
// explain says on stderr why there is no answer, unless the tool hears it otherwise.
func WriteReply(fd int, r protocol.Reply, err error, explain func(error)) int {
	if len(r.Stdout) > 0 {
		if e := WriteOnce(fd, r.Stdout); e != nil {
			explain(errors.New("stdout: " + e.Error()))
			return 1
		}
	}
	if err != nil && !r.Quiet {
		explain(err)
	}
	return r.Exit
}
