// Package retryafter parses the Retry-After field (RFC 9110 10.2.3) of token endpoints
// and APIs, and waits. The RFC allows a number of seconds or a date; servers also send fractions,
// lists and other dates.
package retryafter

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// layouts are the date formats that servers send in addition to those of RFC 9110
// 5.6.7.
var layouts = [...]string{time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 -0700", time.RFC3339}

// Of returns how long a response asks to wait, at most the given time, so that a
// server's mistake, such as a week or a year, does not lock anyone out. Of several
// values the longest counts. It returns 0 if the response has no value that can be
// parsed. A date is relative to the response's own Date, because servers' clocks differ
// from ours.
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

// Parse parses one value, as Of does.
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
			seconds = max(seconds, 1) // the field counts seconds; less than one is a mistake
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

// parseSeconds parses digits and an optional fraction, without sign and exponent.
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

// Wait waits for d. If ctx ends first it returns the cause.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
