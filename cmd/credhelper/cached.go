package main

import (
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

// openCache opens the cache of the home that the environment names. If there is none
// that can be used, store stays nil and the engine decides. It is not closed: the
// process is short-lived.
func (f *front) openCache() {
	dirs, err := cache.FindDirs(f.env, process.UserID())
	if err != nil {
		return
	}
	if store, err := cache.Open(dirs); err == nil {
		f.dirs, f.store = dirs, store
	}
}

// cached returns a credential from the cache, if it may be given without a request to
// the server. In every other case, including any doubt, it returns false, and the
// engine decides. An error is the answer: the use of the token has to be logged, and
// cannot be.
func (f *front) cached(d *protocol.Dialect, r protocol.Request) (c protocol.Credential, ok bool, err error) {
	if f.store == nil || r.Verb != protocol.Get {
		return c, false, nil
	}
	return f.store.Answer(r, f.env, cache.ClockAt(f.start), func(e *cache.Entry) error {
		return logHit(f.dirs.Log(), d.Name, r, e, f.start)
	})
}

// unowned returns the error for a request that no profile can own, as most of git's are
// if the helper is set for all hosts; nil if a profile may own it. In any doubt the
// engine decides.
func (f *front) unowned(r protocol.Request) error {
	if f.store == nil || r.Profile != "" || r.Verb != protocol.Get && r.Verb != protocol.Forget {
		return nil
	}
	if unusable, ok := f.store.Unowned(r.URL, cache.ClockAt(f.start)); ok {
		return protocol.Unowned(r.URL, unusable)
	}
	return nil
}

// disputed reports whether a tool's message that a token was accepted matters, which is
// so only if a token was reported as refused before. Usually none was, and the engine
// need not run. If it is not known which profile owns the URL, the engine finds out.
func (f *front) disputed(r protocol.Request) bool {
	if f.store == nil {
		return false
	}
	now := cache.ClockAt(f.start)
	profile := f.store.ProfileOf(r, now)
	if profile == "" {
		_, none := f.store.Unowned(r.URL, now)
		return !none
	}
	_, found := f.store.Rejections(cache.Item{Profile: profile, Narrowing: r.Narrowing})
	return found
}

// noteAsker records which token from the cache was given to a process of a tool that
// asks again only after a refusal. The answer has been written by then, so an error is
// ignored: it costs only this record.
func (f *front) noteAsker(r protocol.Request, c protocol.Credential) {
	if r.Repeats && r.Asker != "" {
		_ = f.store.PutAsked(c.Profile, r.Asker, protocol.Mark(c.Secret), c.Expires)
	}
}
