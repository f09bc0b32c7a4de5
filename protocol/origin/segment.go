package origin

// checkSegments (O9) refuses, before a path prefix is compared, any form that a server
// may read as another path. The path begins with a slash.
func checkSegments(path string) Reason {
	for start := 1; ; {
		end := start
		for end < len(path) && path[end] != '/' {
			end++
		}
		last := end == len(path)
		if start == end && !last {
			return EmptySegment
		}
		if r := checkSegment(path[start:end]); r != Release || last {
			return r
		}
		start = end + 1
	}
}

// checkSegment reads a segment as the most lenient server would: one that decodes
// twice, folds full-width characters (IIS, .NET), trims spaces and dots (Windows), and
// strips parameters before it resolves dots (Java: Jira and Jama among them). The
// segment is refused if that could leave a slash, or only dots.
func checkSegment(s string) Reason {
	dots, name, cut := false, false, false
	for i := 0; i < len(s); {
		c, width, ok := char(s, i)
		switch {
		case !ok, c == '/', c == '\\', c == '%' && escapes(s[i+width:]):
			return HiddenByte
		case c == ';', c == '?', c == '#', c == ':':
			cut = true
		case cut, c == ' ':
		case c == '.':
			dots = true
		default:
			name = true
		}
		i += width
	}
	if dots && !name {
		return DotSegment
	}
	return Release
}

// escapes reports whether the text after a percent sign makes it an escape for a server
// that decodes again: %2e, or %u002e.
func escapes(s string) bool {
	for n := 0; n < 2; n++ {
		if s == "" {
			return false
		}
		c, width, _ := char(s, 0)
		if _, hex := hexValue(c); !hex {
			return n == 0 && c|0x20 == 'u'
		}
		s = s[width:]
	}
	return true
}

// char returns the character at i, decoded once, and its length in s. A character that
// some server folds into ASCII is returned as that, one that is invisible or trimmed as
// a space, and any other beyond ASCII as 'x'. ok is false for an overlong encoding, a
// known disguise of dots and slashes (RFC 3629 section 10). Bytes that are not UTF-8,
// such as letters of Latin-1, are each 'x'.
func char(s string, i int) (c byte, width int, ok bool) {
	c, width = decode(s, i)
	if c < 0x80 {
		return c, width, true
	}
	more, r := 0, rune(0)
	switch {
	case c >= 0xc0 && c < 0xe0:
		more, r = 1, rune(c&0x1f)
	case c >= 0xe0 && c < 0xf0:
		more, r = 2, rune(c&0xf)
	case c >= 0xf0:
		more, r = 3, rune(c&0x7)
	}
	first, whole := width, true
	for n := range more {
		if i+width == len(s) {
			whole = false
			break
		}
		next, w := decode(s, i+width)
		if next&0xc0 != 0x80 {
			whole = false
			break
		}
		if n == 0 && (c <= 0xc1 || c == 0xe0 && next < 0xa0 || c == 0xf0 && next < 0x90 || c > 0xf4) {
			return 0, width, false
		}
		r = r<<6 | rune(next&0x3f)
		width += w
	}
	if more == 0 || !whole {
		return 'x', first, true
	}
	return fold(r), width, true
}

// fold returns the ASCII character that a server may substitute for r: by compatibility
// (NFKC), or by best fit in a Windows code page.
func fold(r rune) byte {
	switch {
	case 0xff01 <= r && r <= 0xff5e: // the full-width forms of ASCII
		return byte(r - 0xfee0)
	case r <= 0xa0, r == 0xad, r == 0x1680, 0x2000 <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202f,
		0x205f <= r && r <= 0x2064, r == 0x3000, r == 0xfeff: // spaces, and invisible characters
		return ' '
	}
	switch r {
	case 0x2024, 0x2025, 0x2026, 0xfe52, 0x3002, 0xff61: // one, two and three dots, small, ideographic
		return '.'
	case 0x2044, 0x2215, 0x29f8: // fraction, division, big
		return '/'
	case 0xa5, 0x20a9, 0x2216, 0x29f5, 0x29f9, 0xfe68: // yen, won, set minus, reverse, big, small
		return '\\'
	case 0xfe6a:
		return '%'
	case 0xfe54, 0x37e: // small, Greek
		return ';'
	}
	return 'x'
}
