package oauth

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/protocol/secret"
)

const (
	// piece is the minimum length of a part of a secret, in letters and digits, that is
	// redacted, as for credhelper curl -v.
	piece = 12
	// foreignLimit is how much of a text from outside is searched; less is shown.
	foreignLimit = 4096
)

// redactPieces redacts every piece of the forms in a text, in any case and with
// anything between its letters and digits: servers truncate, wrap, escape and
// capitalize what they echo.
func redactPieces(s string, forms []string) string {
	text, at := folded(s)
	starts := map[string][]int{} // positions in text at which each piece begins
	for i := range len(text) - piece + 1 {
		starts[text[i:i+piece]] = append(starts[text[i:i+piece]], i)
	}
	hidden := make([]bool, len(s))
	for _, form := range forms {
		form, _ := folded(form)
		if len(form) < piece {
			starts[form] = nil
			if len(form) >= tellingLength {
				starts[form] = allOf(text, form)
			}
		}
		size := min(piece, len(form))
		for i := range len(form) - size + 1 {
			for _, from := range starts[form[i:i+size]] {
				for j := at[from]; j <= at[from+size-1]; j++ {
					hidden[j] = true
				}
			}
		}
	}
	return covered(s, hidden)
}

// folded returns the letters and digits of a text, in lower case, and their positions.
func folded(s string) (text string, at []int) {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case (c < 'a' || c > 'z') && (c < '0' || c > '9'):
			continue
		}
		b.WriteByte(c)
		at = append(at, i)
	}
	return b.String(), at
}

// allOf returns the positions of a form in a text.
func allOf(text, form string) (found []int) {
	for from := 0; ; from++ {
		i := strings.Index(text[from:], form)
		if i < 0 {
			return found
		}
		from += i
		found = append(found, from)
	}
}

// covered replaces each run of hidden bytes by one word.
func covered(s string, hidden []bool) string {
	var b strings.Builder
	for i := range len(s) {
		switch {
		case !hidden[i]:
			b.WriteByte(s[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString(secret.Redacted)
		}
	}
	return b.String()
}

// writings returns the spellings of a secret whose pieces are redacted: the secret
// itself, reversed, as part of a longer Base64 text, and byte by byte as numbers, as in
// percent encoding, \u, \x and HTML entities.
func writings(plain string) []string {
	backwards := []byte(plain)
	slices.Reverse(backwards)
	list := []string{plain, string(backwards), hex.EncodeToString([]byte(plain))}
	for before, mixed := range []int{0, 2, 3} { // bytes before it, and characters that these touch
		list = append(list, base64.RawStdEncoding.EncodeToString(append(make([]byte, before), plain...))[mixed:])
	}
	for _, number := range []struct {
		before string
		base   int
	}{{"25", 16}, {"x", 16}, {"u00", 16}, {"", 10}} {
		var b strings.Builder
		for i := range len(plain) {
			b.WriteString(number.before + strconv.FormatUint(uint64(plain[i]), number.base))
		}
		list = append(list, b.String())
	}
	return list
}
