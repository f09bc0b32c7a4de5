// Package retryafter reads the Retry-After field (RFC 9110 10.2.3), as token
// endpoints and APIs send it: by the RFC it is a number of seconds or a date, and
// servers send fractions, lists and dates of other kinds besides.
package retryafter

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// layouts are the dates that servers send besides those of RFC 9110 5.6.7.
var layouts = [...]string{time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 -0700", time.RFC3339}

// Of is how long an answer asks to wait, at most the given time: a server that says
// a week, or a year, wants to be left alone, and its slip must not lock anybody out.
// Of several values the longest counts. 0: it asks for nothing, or for what cannot be
// read. A date counts from the answer's own Date, since servers' clocks differ from
// ours.
func Of(h http.Header, now time.Time, most time.Duration) time.Duration {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	var wait time.Duration
	for _, value := range h.Values("Retry-After") {
		wait = max(wait, Parse(value, now, most))
	}
	return wait
}

// Parse reads one value, as Of does.
func Parse(value string, now time.Time, most time.Duration) time.Duration {
	value = strings.TrimSpace(value)
	if date, ok := parseDate(value); ok {
		return min(max(0, date.Sub(now)), most)
	}
	var wait time.Duration
	for part := range strings.SplitSeq(value, ",") {
		seconds, ok := parseSeconds(strings.TrimSpace(part))
		if !ok {
			return 0
		}
		if seconds > 0 {
			seconds = max(seconds, 1) // the field counts seconds; a part of one is a slip
		}
		wait = max(wait, time.Duration(min(seconds, most.Seconds())*float64(time.Second)))
	}
	return wait
}

func parseDate(value string) (time.Time, bool) {
	if date, err := http.ParseTime(value); err == nil {
		return date, true
	}
	for _, layout := range layouts {
		if date, err := time.Parse(layout, value); err == nil {
			return date, true
		}
	}
	return time.Time{}, false
}

// parseSeconds reads digits, and a fraction if there is one; no sign and no exponent.
func parseSeconds(value string) (float64, bool) {
	if value == "" || strings.Trim(value, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil && !math.IsInf(n, 1) {
		return 0, false
	}
	return n, true
}
