package helper

import (
	"time"

	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/oauth"
)

// The remaining times at which the expiry of a secret or certificate is reported: time
// to request another one, and time to receive it.
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

// Expiry is the expiry of a profile's secret or certificate.
type Expiry struct {
	What string    // "secret" or "certificate"
	At   time.Time // zero if not known
}

// Urgency returns how soon it expires.
func (e Expiry) Urgency(now time.Time) Urgency {
	left := e.At.Sub(now)
	switch {
	case e.At.IsZero() || left > noteAhead:
		return Calm
	case left > warnAhead:
		return Noted
	case left > 0:
		return Pressing
	}
	return Over
}

// Words returns "secret expires in 12 days" or "certificate expired 3 h ago"; "" if the
// expiry is unknown.
func (e Expiry) Words(now time.Time) string {
	switch {
	case e.At.IsZero():
		return ""
	case e.At.After(now):
		return e.What + " expires in " + failure.Span(e.At.Sub(now))
	}
	return e.What + " expired " + failure.Span(now.Sub(e.At)) + " ago"
}

func nearer(a, b Expiry) Expiry {
	if a.At.IsZero() || !b.At.IsZero() && b.At.Before(a.At) {
		return b
	}
	return a
}

// eventExpiry is the log's event for a reminder, by which other processes know that it
// was given.
const eventExpiry = "expiry"

// remindEvery is the interval between reminders for one profile.
const remindEvery = 24 * time.Hour

// remind reports once a day that the secret or certificate just used expires within 7
// days, if someone reads it.
func (q *query) remind(secretExpires time.Time, client *oauth.Client) {
	if !q.config.Reminds || q.store == nil {
		return
	}
	end := Expiry{"secret", secretExpires}
	if client.Key != nil && client.Key.Certificate() != nil {
		end = nearer(end, Expiry{"certificate", client.Key.Certificate().NotAfter.UTC()})
	}
	now := q.now()
	if end.Urgency(now) < Pressing || q.reminded(now) {
		return
	}
	text := "profile " + q.profile.Name + ": its " + end.Words(now)
	if q.profile.InKeyring() {
		text += "; store a new one: credhelper rotate " + q.profile.Name
	}
	q.log(logfile.Record{Event: eventExpiry, Profile: q.profile.Name, Text: text})
	q.report(text)
}

// reminded reports whether the log has a reminder within the last day.
func (q *query) reminded(now time.Time) (found bool) {
	_ = q.eachRecord([]byte(`"`+eventExpiry+`"`), func(r logfile.Record) bool {
		age := now.Sub(r.Time)
		found = r.Event == eventExpiry && r.Profile == q.profile.Name && age >= 0 && age < remindEvery
		return !found
	})
	return found
}
