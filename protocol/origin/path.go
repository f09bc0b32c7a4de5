package origin

// checkPercent applies O10 to the path and query of a URL: complete triplets, and no
// encoded control characters, whatever the profile's path.
func checkPercent(s string) Reason {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		c, width := decode(s, i)
		if width != 3 {
			return BrokenPercent
		}
		if isControl(c) {
			return EncodedControl
		}
		i += 2
	}
	return Release
}

// checkFieldPath checks a path in a field of its own (O11). git has already decoded it:
// spaces, UTF-8 and lone percent signs are legal. A control character is not, nor is
// one that is still encoded, because a server that decodes again would see it.
func checkFieldPath(s string) Reason {
	if len(s) > maxLength {
		return TooLong
	}
	for i := range len(s) {
		c, width := decode(s, i)
		switch {
		case isControl(c) && width == 3:
			return EncodedControl
		case isControl(c):
			return Byte
		case c == '\\' && width == 1:
			return Backslash
		}
	}
	return Release
}

// under reports whether path is below prefix, at a segment boundary. Unreserved
// characters match with and without escaping; all others must be spelled alike (RFC
// 3986 section 2.3), unless path is the decoded one of a field.
func under(prefix, path string, decoded bool) bool {
	j := 0
	for i := 0; i < len(prefix); {
		if j == len(path) {
			return false
		}
		a, aWidth := decode(prefix, i)
		b, bWidth := path[j], 1
		if !decoded {
			b, bWidth = decode(path, j)
		}
		if a != b || !decoded && aWidth != bWidth && !unreserved(b) {
			return false
		}
		i += aWidth
		j += bWidth
	}
	return j == len(path) || path[j] == '/'
}

// canonicalPath returns the canonical path of an origin: no trailing slash, nothing for
// the root, unreserved characters unescaped, hexadecimal digits in capitals.
func canonicalPath(path string) (string, Reason) {
	if path == "" || path == "/" {
		return "", Release
	}
	if r := checkPercent(path); r != Release {
		return "", r
	}
	if r := checkSegments(path); r != Release {
		return "", r
	}
	if path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	if index(path, '%') < 0 {
		return path, Release
	}
	plain := make([]byte, 0, len(path))
	for i := 0; i < len(path); {
		c, width := decode(path, i)
		if width == 3 && !unreserved(c) {
			plain = append(plain, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&0xf])
		} else {
			plain = append(plain, c)
		}
		i += width
	}
	if string(plain) == path {
		return path, Release
	}
	return string(plain), Release
}

// decode returns the byte at i and its length in s: 3 for a percent triplet, else 1. It
// is called once per byte: nothing is decoded twice (O9).
func decode(s string, i int) (c byte, width int) {
	if s[i] == '%' && i+2 < len(s) {
		high, ok1 := hexValue(s[i+1])
		low, ok2 := hexValue(s[i+2])
		if ok1 && ok2 {
			return high<<4 | low, 3
		}
	}
	return s[i], 1
}

func isControl(c byte) bool { return c < 0x20 || c == 0x7f }

// unreserved implements RFC 3986 section 2.3.
func unreserved(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'
}
