package lines

import (
	"bytes"
	"io"
)

// splitter splits a stream into lines, in a buffer for one line of maximum length.
type splitter struct {
	from       io.Reader
	buf        []byte
	start, end int  // of the bytes that were read and not yet returned
	skipping   bool // until the end of a line that is too long and was reported
}

func newSplitter(from io.Reader) *splitter {
	return &splitter{from: from, buf: make([]byte, MaxLine+1)}
}

// next returns the next line in the buffer, without its line break; false if there is
// no complete one. A line of more than MaxLine bytes is reported once as tooLong, as
// soon as that is known, and its rest is dropped.
func (s *splitter) next() (line []byte, tooLong, ok bool) {
	for {
		read := s.buf[s.start:s.end]
		n := bytes.IndexByte(read, '\n')
		switch {
		case n < 0 && s.skipping:
			s.start, s.end = 0, 0
			return nil, false, false
		case n < 0 && len(read) > MaxLine:
			s.start, s.end, s.skipping = 0, 0, true
			return nil, true, true
		case n < 0:
			return nil, false, false
		}
		s.start += n + 1
		if !s.skipping {
			return read[:n], false, true
		}
		s.skipping = false
	}
}

// read reads more of the stream, after next has found no complete line. It moves the
// bytes in the buffer, so lines returned before become invalid.
func (s *splitter) read() error {
	if s.start > 0 {
		s.start, s.end = 0, copy(s.buf, s.buf[s.start:s.end])
	}
	n, err := s.from.Read(s.buf[s.end:])
	s.end += n
	return err
}

// cut reports whether the stream ended within a line that was not yet reported.
func (s *splitter) cut() bool { return s.end > s.start && !s.skipping }
