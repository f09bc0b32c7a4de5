package origin

// checkSegments (O9) refuses, before a path prefix is compared, each form that
// a server may read as another path. The path begins with a slash.
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

// checkSegment reads a segment as the most generous of servers would: one that decodes
// twice, folds wide characters (IIS, .NET), trims blanks and dots (Windows), and cuts
// parameters off before it resolves dots (Java: Jira and Jama among them). If that could
// leave a slash or nothing but dots, it is refused.
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

// escapes reports whether what follows a percent sign makes it an escape for who decodes
// once more: %2e, or %u002e.
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

// char reads the character at i, decoded once, and how many bytes of s it takes. One
// that some server folds into ASCII is that, one that looks like nothing or is trimmed is a
// blank, and every other beyond ASCII is 'x'. It is not ok if it is longer than it need be:
// the old disguise of dots and slashes (RFC 3629 section 10). Bytes that are no UTF-8,
// such as letters of Latin-1, are 'x', each for itself.
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

// fold is the ASCII character for which a server may take r: by compatibility (NFKC), or
// by the best fit of a code page of Windows.
func fold(r rune) byte {
	switch {
	case 0xff01 <= r && r <= 0xff5e: // the wide forms of ASCII
		return byte(r - 0xfee0)
	case r <= 0xa0, r == 0xad, r == 0x1680, 0x2000 <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202f,
		0x205f <= r && r <= 0x2064, r == 0x3000, r == 0xfeff: // blanks, and what is not seen
		return ' '
	}
	switch r {
	case 0x2024, 0x2025, 0x2026, 0xfe52, 0x3002, 0xff61: // one, two, three dots, small, ideographic
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
