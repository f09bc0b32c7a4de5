// Package expiry says how soon a secret or a certificate expires, and how urgent that is.
package expiry

import (
	"time"

	"github.com/credhelper/credhelper/helper/failure"
)

// The remaining times at which an expiry is reported: time to request another secret,
// and time to receive it.
const (
	noteAhead = 30 * 24 * time.Hour
	warnAhead = 7 * 24 * time.Hour
)

// Urgency says how soon something expires.
type Urgency uint8

// The urgencies, in ascending order.
const (
	Calm     Urgency = iota // unknown, or more than 30 days
	Noted                   // at most 30 days
	Pressing                // at most 7 days
	Over                    // past
)

// String returns the urgency as one word, as in status --json.
func (u Urgency) String() string {
	return [...]string{"", "soon", "pressing", "over"}[min(u, Over)]
}

// Date is when a profile's secret or certificate expires.
type Date struct {
	What string    // "secret" or "certificate"
	At   time.Time // zero if not known
}

// Urgency returns how soon it expires.
func (d Date) Urgency(now time.Time) Urgency {
	left := d.At.Sub(now)
	switch {
	case d.At.IsZero() || left > noteAhead:
		return Calm
	case left > warnAhead:
		return Noted
	case left > 0:
		return Pressing
	}
	return Over
}

// Words returns "secret expires in 12 days" or "certificate expired 3 h ago"; "" if the
// date is unknown.
func (d Date) Words(now time.Time) string {
	switch {
	case d.At.IsZero():
		return ""
	case d.At.After(now):
		return d.What + " expires in " + failure.Span(d.At.Sub(now))
	}
	return d.What + " expired " + failure.Span(now.Sub(d.At)) + " ago"
}

// Nearer returns the earlier of two dates; the one that is known if the other is not.
func Nearer(a, b Date) Date {
	if a.At.IsZero() || !b.At.IsZero() && b.At.Before(a.At) {
		return b
	}
	return a
}
