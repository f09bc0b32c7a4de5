package main

import (
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

// openCache opens the cache of the home that the environment names. It is not closed:
// the process is short-lived.
func openCache(env func(string) string) (*cache.Store, error) {
	dirs, err := cache.FindDirs(env, process.UserID())
	if err != nil {
		return nil, err
	}
	return cache.Open(dirs)
}

// cached returns a credential from the cache, if it may be given without a request to
// the server. In every other case, including any doubt, it returns false, and the
// engine decides. An error is the answer: the use of the token has to be logged, and
// cannot be.
func cached(dialect *protocol.Dialect, r protocol.Request, env func(string) string, now time.Time) (c protocol.Credential, ok bool, err error) {
	if r.Verb != protocol.Get {
		return c, false, nil
	}
	dirs, err := cache.FindDirs(env, process.UserID())
	if err != nil {
		return c, false, nil
	}
	store, err := cache.Open(dirs)
	if err != nil {
		return c, false, nil
	}
	return store.Answer(r, env, cache.ClockAt(now), func(e *cache.Entry) error {
		return logHit(dirs.Log(), dialect.Name, r, e, now)
	})
}

// disputed reports whether a tool's message that a token was accepted matters, which is
// so only if a token was reported as refused before. Usually none was, and the engine
// need not run.
func disputed(r protocol.Request, env func(string) string) bool {
	store, err := openCache(env)
	if err != nil {
		return false
	}
	profile := store.ProfileOf(r)
	if profile == "" {
		return false
	}
	_, found := store.Rejections(profile)
	return found
}

// noteAsker records which token was given to a process of a tool that asks again only
// after a refusal. The answer has been written by then, so an error is ignored: it
// costs only this record.
func noteAsker(r protocol.Request, c protocol.Credential, env func(string) string) {
	if store, err := openCache(env); err == nil {
		_ = store.PutAsked(c.Profile, r.Asker, protocol.Mark(c.Secret), c.Expires)
	}
}
