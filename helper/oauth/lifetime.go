package oauth

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// lifetime reads expires_in (A19): a whole number, a text of digits, or a float
// without fraction. Absent is the profile's default; no value means "for ever",
// and none at or below zero is a token.
func (c *Client) lifetime(f field) (time.Duration, string) {
	limit := or(c.MaxTTL, maxTTL)
	var seconds int64
	var ok bool
	switch f.shape {
	case absent:
		return min(or(c.DefaultTTL, defaultTTL), limit), ""
	case number:
		seconds, ok = wholeNumber(f.text)
	case text:
		seconds, ok = digits(f.text)
	}
	switch {
	case !ok:
		return 0, "an expires_in that is no number of seconds"
	case seconds <= 0:
		return 0, "an expires_in that is over already"
	case seconds > int64(limit/time.Second):
		return limit, ""
	}
	return time.Duration(seconds) * time.Second, ""
}

// wholeNumber reads a JSON number that has no fraction. Plain digits saturate; a
// number with a point or exponent must be exact in a float64.
func wholeNumber(s string) (int64, bool) {
	if !strings.ContainsAny(s, ".eE") {
		if rest, negative := strings.CutPrefix(s, "-"); negative {
			n, ok := digits(rest)
			return -n, ok
		}
		return digits(s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// digits reads 1 to 64 decimal digits; what does not fit in an int64 is its
// greatest value.
func digits(s string) (int64, bool) {
	if s == "" || len(s) > 64 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		d := int64(s[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + d
	}
	return n, true
}
