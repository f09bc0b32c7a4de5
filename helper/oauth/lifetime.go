package oauth

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// lifetime parses expires_in (A19): a number, or a string with one, rounded down. If it
// is absent, null or "" the profile's default applies; no value means "forever", and a
// token with zero or less is refused.
func (c *Client) lifetime(f field) (time.Duration, flaw) {
	limit := or(c.MaxTTL, maxTTL)
	var seconds int64
	var ok bool
	switch {
	case !f.given():
		return min(or(c.DefaultTTL, defaultTTL), limit), noFlaw
	case f.shape == number, f.shape == text && decimal(f.text):
		seconds, ok = wholeNumber(f.text)
	}
	switch {
	case !ok:
		return 0, flawSeconds
	case seconds <= 0:
		return 0, flawOver
	case seconds > int64(limit/time.Second):
		return limit, noFlaw
	}
	return time.Duration(seconds) * time.Second, noFlaw
}

// decimal reports whether a text consists of digits with at most one decimal point: a
// server that sends "0x1p4" or "+3.6e3" does not mean it.
func decimal(s string) bool {
	whole, fraction, _ := strings.Cut(s, ".")
	return strings.Trim(whole, "0123456789") == "" && strings.Trim(fraction, "0123456789") == "" && whole != "" && len(s) <= 64
}

// wholeNumber parses a JSON number, rounded down. Plain digits saturate; a number with
// a decimal point or exponent must fit into a float64 without loss of whole seconds.
func wholeNumber(s string) (int64, bool) {
	if !strings.ContainsAny(s, ".eE") {
		if rest, negative := strings.CutPrefix(s, "-"); negative {
			n, ok := digits(rest)
			return -n, ok
		}
		return digits(s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(math.Floor(f)), true
}

// digits parses 1 to 64 decimal digits; a number that does not fit into an int64
// becomes its maximum.
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
