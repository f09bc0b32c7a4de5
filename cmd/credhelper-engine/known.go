package main

import (
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/logfile/logread"
)

// history is what the log knows of a profile.
type history struct {
	fetched  time.Time // when a token was fetched last
	identity string    // whom the API called the token's account last
}

// knownFromLog returns what the log knows of each profile since it was made.
func knownFromLog(h *helper.Helper) map[string]history {
	all := map[string]history{}
	_ = logread.ButHits(h.Dirs.Log(), func(r logfile.Record) bool {
		l := all[r.Profile]
		switch r.Event {
		case "fetch":
			l.fetched = r.Time
		case "identity":
			l.identity = r.Text
		case "removed":
			l = history{}
		case "secret rebound", "login", "logout": // it may be another account's now
			l.identity = ""
		default:
			return true
		}
		all[r.Profile] = l
		return true
	})
	return all
}
