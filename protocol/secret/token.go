package secret

import "strings"

// MaxToken is the maximum length of an access token in bytes (A16).
const MaxToken = 16384

// ValidToken reports whether s is a valid access token: RFC 6750's b64token, which is
// letters, digits and "-._~+/" followed by any number of "=", of 1 to 16,384 bytes. A
// profile may widen that to 0x21-0x7E, but never to spaces or control characters, which
// could forge a header or a line (A16). The same test is applied to tokens from the
// server, the cache and a plugin, and to those that a tool gets.
func ValidToken(s string, wide bool) bool {
	if len(s) == 0 || len(s) > MaxToken {
		return false
	}
	if wide {
		for i := range len(s) {
			if s[i] < 0x21 || s[i] > 0x7e {
				return false
			}
		}
		return true
	}
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		if !tokenBytes[body[i]] {
			return false
		}
	}
	return body != ""
}

// tokenBytes has the bytes of RFC 6750's b64token, except "=". Tokens are long and every
// answer checks every byte: a table takes
// a third fewer instructions than bits of two words.
var tokenBytes = [256]bool{
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'A': true, 'B': true, 'C': true, 'D': true, 'E': true, 'F': true, 'G': true, 'H': true, 'I': true, 'J': true,
	'K': true, 'L': true, 'M': true, 'N': true, 'O': true, 'P': true, 'Q': true, 'R': true, 'S': true, 'T': true,
	'U': true, 'V': true, 'W': true, 'X': true, 'Y': true, 'Z': true,
	'a': true, 'b': true, 'c': true, 'd': true, 'e': true, 'f': true, 'g': true, 'h': true, 'i': true, 'j': true,
	'k': true, 'l': true, 'm': true, 'n': true, 'o': true, 'p': true, 'q': true, 'r': true, 's': true, 't': true,
	'u': true, 'v': true, 'w': true, 'x': true, 'y': true, 'z': true,
	'-': true, '.': true, '_': true, '~': true, '+': true, '/': true,
}
