package lines

import (
	"bytes"
	"io"
)

// splitter takes lines out of a stream, in a buffer of one longest line.
type splitter struct {
	from       io.Reader
	buf        []byte
	start, end int  // of what was read and not taken
	skipping   bool // to the end of a line that is too long and was said to be
}

func newSplitter(from io.Reader) *splitter {
	return &splitter{from: from, buf: make([]byte, MaxLine+1)}
}

// next is the next line without its end, of what was read already; false if that
// holds no whole one. A line of more than MaxLine bytes is tooLong, once, as soon
// as that shows; what follows of it is dropped.
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

// read waits for more of the stream, after next found no whole line. It moves what
// is there of one, so lines taken before are gone.
func (s *splitter) read() error {
	if s.start > 0 {
		s.start, s.end = 0, copy(s.buf, s.buf[s.start:s.end])
	}
	n, err := s.from.Read(s.buf[s.end:])
	s.end += n
	return err
}

// cut reports whether the stream ended within a line that nothing was said about.
func (s *splitter) cut() bool { return s.end > s.start && !s.skipping }
