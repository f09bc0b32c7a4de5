package main

import (
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// logHit appends the line about a token that is given from the cache. Its error is a
// refusal of the token.
func logHit(path, dialect string, r protocol.Request, e *cache.Entry, now time.Time) error {
	line := logfile.Record{Event: logfile.Hit, Profile: e.Profile, Source: logfile.FromCache, Token: e.Fingerprint, Expires: e.Expires, Text: r.Words()}
	if r.URL != (origin.URL{}) {
		line.URI = r.URL.String()
	}
	pid, executable := process.Caller()
	log := logfile.Writer{Path: path}
	err := log.Append(e.LogLimit, line.By(logfile.Caller{Dialect: dialect, PID: pid, Executable: executable}, now))
	if err != nil {
		return logfile.Unlogged(path, err)
	}
	return nil
}
