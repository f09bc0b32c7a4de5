package protocol

import (
	"crypto/sha256"

	"github.com/credhelper/credhelper/protocol/secret"
)

// markDigits is the length of a mark. Its 32 bits distinguish one profile's tokens of a
// day, and are useless for guessing one.
const markDigits = 8

// Mark returns a name for a token that does not reveal it: eight hexadecimal digits of
// its SHA-256, with a prefix that no other use of a hash has.
func Mark(token secret.Text) string {
	sum := sha256.Sum256([]byte("credhelper token mark\x00" + token.Reveal()))
	return hexadecimal(sum[:markDigits/2])
}

// hexadecimal encodes bytes. encoding/hex would link fmt into the front.
func hexadecimal(bytes []byte) string {
	b := make([]byte, 0, 2*clusterMarkDigits)
	for _, c := range bytes {
		b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&0xf])
	}
	return string(b)
}

func validMark(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == markDigits
}
