package main

import (
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

// unowned returns the error for a request that no profile can own, as most of git's are
// if the helper is set for all hosts; nil if a profile may own it. In any doubt the
// engine decides.
func unowned(r protocol.Request, env func(string) string, now time.Time) error {
	if r.Profile != "" || r.Verb != protocol.Get && r.Verb != protocol.Forget {
		return nil
	}
	dirs, err := cache.FindDirs(env, process.UserID())
	if err != nil {
		return nil
	}
	store, err := cache.Open(dirs)
	if err != nil {
		return nil
	}
	if unusable, ok := store.Unowned(r.URL, cache.ClockAt(now)); ok {
		return protocol.Unowned(r.URL, unusable)
	}
	return nil
}
