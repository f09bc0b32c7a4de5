package secret

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

// tokenByte reports whether c is in RFC 6750's b64token, except "=".
func tokenByte(c byte) bool { return c < 128 && tokenBytes[c/64]>>(c%64)&1 != 0 }

// tokenBytes has a bit for each byte of a token, because tokens are long and every
// answer checks every byte.
var tokenBytes = [2]uint64{
	1<<'+' | 1<<'-' | 1<<'.' | 1<<'/' | (1<<10-1)<<'0',
	(1<<26-1)<<('A'-64) | 1<<('_'-64) | (1<<26-1)<<('a'-64) | 1<<('~'-64),
}
