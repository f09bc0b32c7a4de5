package main

import (
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

// openCache opens the cache of the home that the environment names. The process ends
// before it would have to be closed.
func openCache(env func(string) string) (*cache.Store, error) {
	dirs, err := cache.FindDirs(env, process.UserID())
	if err != nil {
		return nil, err
	}
	return cache.Open(dirs)
}

// cached looks for a credential that may be given without asking anybody. Every other
// case, every doubt included, is the engine's.
func cached(r protocol.Request, env func(string) string, now time.Time) (protocol.Credential, bool) {
	if r.Verb != protocol.Get {
		return protocol.Credential{}, false
	}
	store, err := openCache(env)
	if err != nil {
		return protocol.Credential{}, false
	}
	return store.Answer(r, env, cache.ClockAt(now))
}

// disputed reports whether a tool that says that a token was taken has something to
// say: another one was refused. Most have not, and the engine is spared.
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

// noteAsker remembers which token a process was given that only asks again if it was
// refused. Its answer is out by then; failing costs only the memory.
func noteAsker(r protocol.Request, c protocol.Credential, env func(string) string) {
	if store, err := openCache(env); err == nil {
		_ = store.PutAsked(c.Profile, r.Asker, protocol.Mark(c.Secret), c.Expires)
	}
}
