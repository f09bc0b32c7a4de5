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
		if profile = route(store, r.URL); profile == "" {
			return none, false
		}
	}
	e, err := store.Get(profile)
	if err != nil || e.Audit || !e.Fresh(cache.ClockAt(now), r.MinTTL) || !e.Current() {
		return none, false
	}
	if r.Refuses(e.Token) {
		return none, false
	}
	claim := 0
	if r.URL != (origin.URL{}) {
		if claim = best(e.Origins, r.URL); claim < 0 {
			return none, false
		}
	}
	c := protocol.Credential{
		Profile:  profile,
		Scheme:   e.Scheme,
		Header:   e.Header,
		Username: e.Username,
		Secret:   e.Token,
		Wide:     e.Wide,
		Expires:  e.Expires,
		Source:   "cache",
		Origins:  e.Origins,
	}
	if claim < len(e.Origins) {
		c.Origin = e.Origins[claim]
	}
	return c, true
}

// route finds the one profile that claims the URL, by the route of its host or,
// if there is none, of its parent domain.
func route(store *cache.Store, u origin.URL) string {
	exact, wildcard := origin.RouteKeys(u)
	r, err := store.Route(exact)
	if err != nil && wildcard != "" {
		r, err = store.Route(wildcard)
	}
	if err != nil {
		return ""
	}
	var room [8]string
	claimed := room[:0]
	for _, c := range r.Claims {
		claimed = append(claimed, c.Origin)
	}
	if i := best(claimed, u); i >= 0 {
		return r.Claims[i].Profile
	}
	return ""
}

// best is the index of the origin that the URL belongs to, -1 if there is none.
func best(origins []string, u origin.URL) int {
	var room [8]origin.Origin
	parsed := room[:0]
	for _, s := range origins {
		o, err := origin.Parse(s)
		if err != nil {
			return -1
		}
		parsed = append(parsed, o)
	}
	i, reason := origin.Best(parsed, u)
	if reason != origin.Release {
		return -1
	}
	return i
}
