package door

import (
	"bytes"
	"io"
	"sync/atomic"
)

// reader passes a connection's requests on to net/http, each head only as a whole and
// only if there is one way to read it. It follows the bodies to know where the next head
// begins.
type reader struct {
	from io.Reader
	raw  atomic.Bool // after an upgrade the bytes are no requests

	held  []byte // read, and not yet checked
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
			return 0, r.err
		case r.raw.Load() && len(r.held) == 0:
			return r.from.Read(p)
		case r.raw.Load():
			r.ready, r.held = r.held, nil
			continue
		case r.streams() && len(r.held) == 0:
			n, err := r.from.Read(p[:min(int64(len(p)), r.left)])
			r.pass(int64(n))
			return n, err
		}
		if r.step(); len(r.ready) > 0 || r.err != nil {
			continue
		}
		if err := r.more(); err != nil {
			return 0, err
		}
	}
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

// more reads at least one byte into held.
func (r *reader) more() error {
	if cap(r.held)-len(r.held) < 512 {
		grown := make([]byte, len(r.held), max(4096, 2*len(r.held)))
		copy(grown, r.held)
		r.held = grown
	}
	n, err := r.from.Read(r.held[len(r.held):cap(r.held)])
	r.held = r.held[:len(r.held)+n]
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// step checks what is held, and makes ready what may be passed on.
func (r *reader) step() {
	switch r.state {
	case inHead:
		n, err := endOfHead(r.held, r.seen)
		if n == 0 {
			r.err, r.seen = err, max(0, len(r.held)-1) // a CR at the end waits for its LF
			return
		}
		r.seen = 0
		f, err := checkHead(r.held[:n])
		if r.err = err; err != nil {
			return
		}
		switch {
		case f.chunked:
			r.state = inSize
		case f.length > 0:
			r.state, r.left = inBody, f.length
		}
		r.release(n)
	case inBody, inChunk:
		n := min(int64(len(r.held)), r.left)
		r.pass(n)
		r.release(int(n))
	case inSize:
		size, n, err := chunkSize(r.held)
		if r.err = err; n == 0 {
			return
		}
		if r.state, r.left = inChunk, size; size == 0 {
			r.state = inLast
		}
		r.release(n)
	case inEnd, inLast:
		if len(r.held) < 2 {
			return
		}
		if !bytes.HasPrefix(r.held, []byte("\r\n")) {
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

func (r *reader) release(n int) { r.ready, r.held = r.held[:n:n], r.held[n:] }
