package cache

// The binary form of entries and routes: integers are big-endian, texts and lists are
// preceded by their length in two bytes. A fixed layout takes a tenth of the time to
// decode that JSON does (docs/performance.md).

func appendUint16(b []byte, v uint16) []byte { return append(b, byte(v>>8), byte(v)) }

func appendUint64(b []byte, v uint64) []byte {
	return append(b, byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32),
		byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

// appendText appends a text of at most 65,535 bytes; callers check lengths.
func appendText(b []byte, s string) []byte {
	return append(appendUint16(b, uint16(len(s))), s...)
}

// appendFlags appends at most eight flags as the bits of one byte, the first one as its
// lowest.
func appendFlags(b []byte, flags ...bool) []byte {
	var bits byte
	for i, set := range flags {
		if set {
			bits |= 1 << i
		}
	}
	return append(b, bits)
}

// appendTexts appends a list of at most 65,535 texts.
func appendTexts(b []byte, list []string) []byte {
	b = appendUint16(b, uint16(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

// scanner decodes the binary form. After the first short read everything is zero and
// bad is set, so callers check once, at the end. Texts are parts of rest: copying each of
// them would take a third of an answer's allocations.
type scanner struct {
	rest string
	bad  bool
}

func (s *scanner) take(n int) string {
	if len(s.rest) < n {
		s.rest, s.bad = "", true
		return ""
	}
	head := s.rest[:n]
	s.rest = s.rest[n:]
	return head
}

func (s *scanner) uint8() byte {
	if b := s.take(1); b != "" {
		return b[0]
	}
	return 0
}

func (s *scanner) uint16() uint16 {
	if b := s.take(2); b != "" {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return 0
}

func (s *scanner) uint64() uint64 {
	b := s.take(8)
	var v uint64
	for i := range len(b) {
		v = v<<8 | uint64(b[i])
	}
	return v
}

// flags reads what appendFlags wrote. A bit beyond them is bad.
func (s *scanner) flags(into ...*bool) {
	bits := s.uint8()
	for i, f := range into {
		*f = bits&(1<<i) != 0
	}
	s.bad = s.bad || bits>>len(into) != 0
}

func (s *scanner) text() string { return s.take(int(s.uint16())) }

func (s *scanner) texts() []string {
	n := int(s.uint16())
	if n*2 > len(s.rest) { // 2: the least a text takes
		s.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = s.text()
	}
	return list
}

// done reports whether everything was read and nothing was missing.
func (s *scanner) done() bool { return !s.bad && len(s.rest) == 0 }
