package secret

// MaxToken is the most bytes that an access token may have (A16).
const MaxToken = 16384

// ValidToken reports whether s can be an access token: RFC 6750's b64token,
// letters, digits, "-._~+/" and then any number of "=", 1 to 16,384 bytes. A
// profile may widen that to 0x21-0x7E, never to blanks or controls, which could
// forge a header or a line (A16). The same test guards what the server sent,
// what the cache held, what a plugin answered and what a tool gets.
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
	i := 0
	for i < len(s) && tokenByte(s[i]) {
		i++
	}
	body := i
	for i < len(s) && s[i] == '=' {
		i++
	}
	return body > 0 && i == len(s)
}

// tokenByte reports whether c is one of RFC 6750's b64token but "=".
func tokenByte(c byte) bool { return c < 128 && tokenBytes[c/64]>>(c%64)&1 != 0 }

// tokenBytes has a bit for each byte of a token: tokens are long, and every
// answer checks every byte.
var tokenBytes = [2]uint64{
	1<<'+' | 1<<'-' | 1<<'.' | 1<<'/' | (1<<10-1)<<'0',
	(1<<26-1)<<('A'-64) | 1<<('_'-64) | (1<<26-1)<<('a'-64) | 1<<('~'-64),
}
