package origin

const hexDigits = "0123456789abcdef"

// canonicalIPv6 parses the text between brackets and returns its canonical form, RFC
// 5952. Addresses are compared as addresses (O6): in this form equal addresses are
// equal strings. A dotted IPv4 tail is refused, with the mapped form, because each is a
// second spelling of an address.
func canonicalIPv6(s string) (string, Reason) {
	if index(s, '%') >= 0 {
		return "", Zone
	}
	if index(s, '.') >= 0 {
		return "", MappedIPv4
	}
	groups, ok := parseIPv6(s)
	if !ok {
		return "", IPv6
	}
	if groups[0]|groups[1]|groups[2]|groups[3]|groups[4] == 0 && groups[5] == 0xffff {
		return "", MappedIPv4
	}
	var buf [39]byte
	text := appendIPv6(buf[:0], groups)
	if string(text) == s {
		return s, Release
	}
	return string(text), Release
}

// parseIPv6 parses up to eight groups, where one "::" stands for at least one group of
// zeros (RFC 4291 section 2.2).
func parseIPv6(s string) (groups [8]uint16, ok bool) {
	n, gap := 0, -1
	if len(s) >= 2 && s[:2] == "::" {
		gap, s = 0, s[2:]
	}
	for s != "" {
		if n == 8 {
			return groups, false
		}
		value, width := hexGroup(s)
		if width == 0 {
			return groups, false
		}
		groups[n] = value
		n++
		s = s[width:]
		switch {
		case s == "":
		case len(s) >= 2 && s[:2] == "::" && gap < 0:
			gap, s = n, s[2:]
		case s[0] == ':' && len(s) > 1:
			s = s[1:]
		default:
			return groups, false
		}
	}
	if gap < 0 {
		return groups, n == 8
	}
	if n == 8 {
		return groups, false
	}
	for i := n - 1; i >= gap; i-- {
		groups[i+8-n], groups[i] = groups[i], 0
	}
	return groups, true
}

// hexGroup parses one to four hexadecimal digits; width 0 means that there are none, or
// more.
func hexGroup(s string) (value uint16, width int) {
	for width < len(s) && width < 5 {
		d, ok := hexValue(s[width])
		if !ok {
			break
		}
		value = value<<4 | uint16(d)
		width++
	}
	if width > 4 {
		return 0, 0
	}
	return value, width
}

// appendIPv6 appends lower-case groups without leading zeros, with the first of the
// longest runs of two or more zero groups as "::" (RFC 5952 section 4).
func appendIPv6(dst []byte, groups [8]uint16) []byte {
	gap, gapLen := zeroRun(groups)
	for i := 0; i < 8; i++ {
		if i == gap {
			dst = append(dst, "::"...)
			i += gapLen - 1
			continue
		}
		if i > 0 && i != gap+gapLen {
			dst = append(dst, ':')
		}
		g, started := groups[i], false
		for shift := 12; shift >= 0; shift -= 4 {
			d := g >> shift & 0xf
			if started = started || d != 0 || shift == 0; started {
				dst = append(dst, hexDigits[d])
			}
		}
	}
	return dst
}

// zeroRun returns the run that "::" stands for; without one, at is out of range.
func zeroRun(groups [8]uint16) (at, length int) {
	at, length = -9, 1
	for i := 0; i < 8; i++ {
		j := i
		for j < 8 && groups[j] == 0 {
			j++
		}
		if j-i > length {
			at, length = i, j-i
		}
		i = max(i, j-1)
	}
	return at, length
}
