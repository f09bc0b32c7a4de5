package helper

import (
	"time"

	"github.com/credhelper/credhelper/helper/expiry"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/logfile/logread"
	"github.com/credhelper/credhelper/helper/oauth"
)

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
	end := expiry.Date{What: "secret", At: secretExpires}
	if client.Key != nil && client.Key.Certificate() != nil {
		end = expiry.Nearer(end, expiry.Date{What: "certificate", At: client.Key.Certificate().NotAfter.UTC()})
	}
	now := q.now()
	if end.Urgency(now) < expiry.Pressing || q.reminded(now) {
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
	_ = logread.With(q.config.Dirs.Log(), `"`+eventExpiry+`"`, func(r logfile.Record) bool {
		age := now.Sub(r.Time)
		found = r.Event == eventExpiry && r.Profile == q.profile.Name && age >= 0 && age < remindEvery
		return !found
	})
	return found
}
