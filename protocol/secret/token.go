package secret

// MaxToken is the most octets that an access token may have (A16).
const MaxToken = 16384

// ValidToken tells whether s can be an access token: RFC 6750's b64token,
// letters, digits, "-._~+/" and then any number of "=", 1 to 16,384 octets. A
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
	for i < len(s) && tokenOctet(s[i]) {
		i++
	}
	body := i
	for i < len(s) && s[i] == '=' {
		i++
	}
	return body > 0 && i == len(s)
}

func tokenOctet(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/'
}
