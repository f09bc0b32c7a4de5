package strictjson

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// skipSpace skips the white space of RFC 8259 section 2 only.
func skipSpace(data []byte, pos int) int {
	for pos < len(data) && (data[pos] == ' ' || data[pos] == '\n' || data[pos] == '\r' || data[pos] == '\t') {
		pos++
	}
	return pos
}

func hasEscape(raw []byte) bool {
	for _, c := range raw {
		if c == '\\' {
			return true
		}
	}
	return false
}

// keyIs compares a key, given as the bytes between its quotes, with a plain text.
func keyIs(raw []byte, key string) bool {
	if !hasEscape(raw) {
		return string(raw) == key
	}
	var buf [64]byte
	return string(appendUnescaped(buf[:0], raw)) == key
}

// appendUnescaped unescapes a checked string.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		r, size := unescape(raw[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}

// unescape decodes the escape sequence at the start of s, or a pair of surrogates. Size
// 0 means that there is none, or a lone surrogate, which is not a character.
func unescape(s []byte) (r rune, size int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	high, ok := unicodeEscape(s)
	switch {
	case !ok, 0xdc00 <= high && high < 0xe000:
		return 0, 0
	case high < 0xd800 || 0xe000 <= high:
		return high, 6
	}
	low, ok := unicodeEscape(s[6:])
	if !ok || low < 0xdc00 || 0xe000 <= low {
		return 0, 0
	}
	return 0x10000 + (high-0xd800)<<10 | (low - 0xdc00), 12
}

// unicodeEscape decodes \u and its four hexadecimal digits.
func unicodeEscape(s []byte) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// AppendString appends s in double quotes. Quotes, backslashes, control characters and
// DEL are escaped, so the result is one line whatever s contains; bytes that are not
// UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
		}
	}
	return append(dst, '"')
}
