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
	all := byte(1)
	for i := range len(body) {
		all &= tokenBytes[body[i]]
	}
	return all == 1 && body != ""
}

// tokenBytes has a 1 for each byte of RFC 6750's b64token, except "=". Tokens are long and
// every answer checks every byte: a table takes a third fewer instructions than bits of
// two words, and a loop without a branch a quarter fewer than one that ends early.
var tokenBytes = [256]byte{
	'0': 1, '1': 1, '2': 1, '3': 1, '4': 1, '5': 1, '6': 1, '7': 1, '8': 1, '9': 1,
	'A': 1, 'B': 1, 'C': 1, 'D': 1, 'E': 1, 'F': 1, 'G': 1, 'H': 1, 'I': 1, 'J': 1,
	'K': 1, 'L': 1, 'M': 1, 'N': 1, 'O': 1, 'P': 1, 'Q': 1, 'R': 1, 'S': 1, 'T': 1,
	'U': 1, 'V': 1, 'W': 1, 'X': 1, 'Y': 1, 'Z': 1,
	'a': 1, 'b': 1, 'c': 1, 'd': 1, 'e': 1, 'f': 1, 'g': 1, 'h': 1, 'i': 1, 'j': 1,
	'k': 1, 'l': 1, 'm': 1, 'n': 1, 'o': 1, 'p': 1, 'q': 1, 'r': 1, 's': 1, 't': 1,
	'u': 1, 'v': 1, 'w': 1, 'x': 1, 'y': 1, 'z': 1,
	'-': 1, '.': 1, '_': 1, '~': 1, '+': 1, '/': 1,
}
