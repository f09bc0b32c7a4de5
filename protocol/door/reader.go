package door

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
)

// reader passes a connection's requests on to net/http, each head only as a whole and
// only if there is one way to read it. It follows the bodies to know where the next head
// begins.
type reader struct {
	from io.Reader
	raw  atomic.Bool // after an upgrade the bytes are no requests
	// refused is true from the moment on at which err is returned.
	refused atomic.Bool
	gone    atomic.Bool // the other end has closed the connection, or it broke

	direct *direct      // answers some requests; nil: net/http answers all
	open   atomic.Int32 // requests that were passed on and are not answered yet

	buf   []byte // where input begins
	input []byte // read, and not yet checked
	seen  int    // how much of an unfinished head was scanned
	ready []byte // checked, and not yet passed on
	state state
	left  int64 // of a body or a chunk
	err   error
}

// state says what comes next on the connection.
type state uint8

const (
	inHead state = iota
	inBody
	inSize  // a chunk's size line
	inChunk // its data
	inEnd   // the CR LF after it
	inLast  // the CR LF after the last chunk: no trailers
)

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for {
		switch {
		case len(r.ready) > 0:
			n := copy(p, r.ready)
			r.ready = r.ready[n:]
			return n, nil
		case r.err != nil:
			r.refused.Store(true)
			return 0, r.err
		case r.raw.Load() && len(r.input) == 0:
			return r.fetch(p)
		case r.raw.Load():
			r.ready, r.input = r.input, nil
			continue
		case r.streams() && len(r.input) == 0:
			n, err := r.fetch(p[:min(int64(len(p)), r.left)])
			r.pass(int64(n))
			return n, err
		}
		if size := len(r.input); size > 0 {
			if r.step(); len(r.ready) > 0 || r.err != nil || len(r.input) < size {
				continue
			}
		}
		if err := r.more(); err != nil {
			return 0, err
		}
	}
}

// fetch reads from the connection. A deadline is no end of it: net/http sets one to take a
// read back.
func (r *reader) fetch(p []byte) (int, error) {
	n, err := r.from.Read(p)
	var timeout net.Error
	if err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
		r.gone.Store(true)
	}
	return n, err
}

// streams reports whether what comes next is passed on as it is.
func (r *reader) streams() bool { return (r.state == inBody || r.state == inChunk) && r.left > 0 }

// pass counts bytes of a body or a chunk.
func (r *reader) pass(n int64) {
	if r.left -= n; r.left > 0 {
		return
	}
	if r.state == inChunk {
		r.state = inEnd
	} else {
		r.state = inHead
	}
}

// readSize is how many bytes are read at once: most heads, with a short body.
const readSize = 4096

// more reads at least one byte into input.
func (r *reader) more() error {
	if len(r.input) == 0 && cap(r.buf) <= 2*readSize {
		r.input = r.buf[:0] // nothing refers to it any more
	}
	if cap(r.input)-len(r.input) < 512 {
		grown := make([]byte, len(r.input), max(readSize, 2*len(r.input)))
		copy(grown, r.input)
		r.input, r.buf = grown, grown
	}
	n, err := r.fetch(r.input[len(r.input):cap(r.input)])
	r.input = r.input[:len(r.input)+n]
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// step checks the input, and makes ready what may be passed on.
func (r *reader) step() {
	switch r.state {
	case inHead:
		n, err := endOfHead(r.input, r.seen)
		if n == 0 {
			r.err, r.seen = err, max(0, len(r.input)-1) // a CR at the end waits for its LF
			return
		}
		r.seen = 0
		head := string(r.input[:n])
		f, err := checkHead(head)
		if r.err = err; err != nil || r.answered(head, f) {
			return
		}
		r.open.Add(1)
		switch {
		case f.chunked:
			r.state = inSize
		case f.length > 0:
			r.state, r.left = inBody, f.length
		}
		r.release(n)
	case inBody, inChunk:
		n := min(int64(len(r.input)), r.left)
		r.pass(n)
		r.release(int(n))
	case inSize:
		size, n, err := chunkSize(r.input)
		if r.err = err; n == 0 {
			return
		}
		if r.state, r.left = inChunk, size; size == 0 {
			r.state = inLast
		}
		r.release(n)
	case inEnd, inLast:
		if len(r.input) < 2 {
			return
		}
		if !bytes.HasPrefix(r.input, []byte("\r\n")) {
			r.err = errHead
			return
		}
		if r.state == inEnd {
			r.state = inSize
		} else {
			r.state = inHead
		}
		r.release(2)
	}
}

// answered answers a request that needs no net/http, if it came as a whole and no answer
// is due before its own.
func (r *reader) answered(head string, f framing) bool {
	if r.direct == nil || r.open.Load() > 0 || f.chunked || f.length > int64(len(r.input)-len(head)) {
		return false
	}
	whole := len(head) + int(f.length)
	done, last := r.direct.answer(head, r.input[len(head):whole])
	if done {
		r.input = r.input[whole:]
	}
	if last {
		r.err = io.EOF
	}
	return done
}

func (r *reader) release(n int) { r.ready, r.input = r.input[:n:n], r.input[n:] }
