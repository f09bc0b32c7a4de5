package door

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// Local secrets and tokens are for the door alone. A program may put one into more fields
// than the door reads, for example because it sends its credentials in two ways.

// leastLocal is the length of a local secret: "chl_" and 32 bytes in base64url. A token,
// "chd_", is longer.
const leastLocal = len("chl_") + 43

// holdsLocal reports whether a text contains a local secret or token of whichever guest, as
// it is or in base64, as in the value of Basic.
func holdsLocal(text string) bool {
	if len(text) < leastLocal {
		return false
	}
	if plainLocal(text) {
		return true
	}
	for run := range strings.FieldsFuncSeq(text, func(c rune) bool { return !inBase64(c) }) {
		if len(run) < base64.RawStdEncoding.EncodedLen(leastLocal) {
			continue
		}
		run = strings.ReplaceAll(strings.ReplaceAll(run, "+", "-"), "/", "_")
		for start := range 4 { // what comes before it may look like base64, too
			b, _ := base64.RawURLEncoding.DecodeString(run[start:]) // as far as it is
			if plainLocal(string(b)) {
				return true
			}
		}
	}
	return false
}

// localInURL is holdsLocal for a URL as it was sent.
func localInURL(text string) bool {
	decoded, err := url.PathUnescape(text)
	return holdsLocal(text) || err == nil && decoded != text && holdsLocal(decoded)
}

// plainLocal is holdsLocal without base64.
func plainLocal(text string) bool {
	for {
		_, after, found := strings.Cut(text, "ch")
		if !found {
			return false
		}
		text = after
		if !strings.HasPrefix(after, "l_") && !strings.HasPrefix(after, "d_") {
			continue
		}
		n := 2
		for n < len(after) && inBase64(rune(after[n])) && after[n] != '+' && after[n] != '/' {
			n++
		}
		if n >= leastLocal-len("ch") {
			return true
		}
	}
}

// inBase64 reports whether a character is one of base64 or base64url.
func inBase64(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}
