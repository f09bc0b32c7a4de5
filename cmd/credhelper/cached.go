package main

import (
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// cached looks for a credential that may be given without asking anybody: the
// entry opens, none of the files behind it changed, it is outside its refresh
// margin, and the request is for one of its origins. Every other case, every
// doubt included, is the engine's. The token's grammar is checked where the
// answer is built (A16).
func cached(r protocol.Request, env func(string) string, now time.Time) (protocol.Credential, bool) {
	var none protocol.Credential
	if r.Verb != protocol.Get || r.Refresh {
		return none, false
	}
	dirs, err := cache.FindDirs(env, process.UserID())
	if err != nil {
		return none, false
	}
	store, err := cache.Open(dirs)
	if err != nil {
		return none, false
	}
	profile := r.Profile
	if profile == "" {
		if profile = store.Owner(r.URL); profile == "" {
			return none, false
		}
	}
	e, err := store.Find(profile, env)
	clock := cache.ClockAt(now)
	if err != nil || e.Audit || e.Rejected || !e.Fresh(clock, r.MinTTL) || !e.Current() {
		return none, false
	}
	if r.Refuses(e.Token) || r.Asker != "" && store.Asked(profile, r.Asker, clock.Unix) == protocol.Mark(e.Token) && !cache.Young(e.Issued, clock.Unix) {
		return none, false
	}
	claim := 0
	if r.URL != (origin.URL{}) {
		if claim = e.Claim(r.URL); claim < 0 {
			return none, false
		}
	}
	c := protocol.Credential{
		Profile:   profile,
		Scheme:    e.Scheme,
		Header:    e.Header,
		Username:  e.Username,
		Secret:    e.Token,
		Wide:      e.Wide,
		Expires:   e.Expires,
		Source:    "cache",
		Origins:   e.Origins,
		RefreshOn: e.RefreshOn(clock),
	}
	if claim < len(e.Origins) {
		c.Origin = e.Origins[claim]
	}
	return c, true
}

// disputed reports whether a tool that says that a token was taken has something to
// say: another one was refused. Most have not, and the engine is spared.
func disputed(r protocol.Request, env func(string) string) bool {
	dirs, err := cache.FindDirs(env, process.UserID())
	if err != nil {
		return false
	}
	store, err := cache.Open(dirs)
	if err != nil {
		return false
	}
	profile := r.Profile
	if profile == "" {
		if profile = store.Owner(r.URL); profile == "" {
			return false
		}
	}
	_, found := store.Rejections(profile)
	return found
}

// noteAsker remembers which token a process was given that only asks again if it was
// refused. Its answer is out by then; failing costs only the memory.
func noteAsker(r protocol.Request, c protocol.Credential, env func(string) string) {
	dirs, err := cache.FindDirs(env, process.UserID())
	if err != nil {
		return
	}
	if store, err := cache.Open(dirs); err == nil {
		_ = store.PutAsked(c.Profile, r.Asker, protocol.Mark(c.Secret), c.Expires)
	}
}
