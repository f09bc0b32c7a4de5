package helper

import (
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Cached answers from memory or the sealed cache, if that needs no waiting
// (cache.Store.Answer). If each use is logged, the line is written first. False only means
// that Get has to decide.
//
// It is what the front does, for long-running programs and a hundred times faster: a
// result is used for 100 ms.
func (h *Helper) Cached(r protocol.Request) (protocol.Credential, bool) {
	if r.Repeats || h.config.NoStore {
		return protocol.Credential{}, false
	}
	now := h.now()
	e := h.entryOf(cache.Item{Profile: h.profileOf(r, now), Narrowing: r.Narrowing}, now)
	if e == nil {
		return protocol.Credential{}, false
	}
	// The boot clock was checked when the entry was read (A21).
	c, ok := e.Answer(r, cache.Clock{Unix: now.Unix()})
	if ok && e.Audit {
		line := recordOf(r)
		line.Event, line.Source, line.Profile, line.Token, line.Expires = eventHit, fromCache, e.Profile, e.Fingerprint, e.Expires
		if h.append(line, e.LogLimit) != nil {
			return protocol.Credential{}, false
		}
	}
	return c, ok
}

// profileOf returns the profile that a request names, or that owns its URL by a route;
// else "".
func (h *Helper) profileOf(r protocol.Request, now time.Time) string {
	if r.Profile != "" || r.URL == (origin.URL{}) {
		return r.Profile
	}
	host := r.URL.Host()
	hosts := recall(&h.memory, &h.memory.hosts, host)
	if hosts == nil || !hosts.young(now) {
		store, err := cache.Open(h.config.Dirs)
		if err != nil {
			return ""
		}
		defer store.Close()
		owners, err := store.Owners(r.URL, h.config.Clock(now))
		if err != nil {
			return ""
		}
		hosts = &keptOwners{readAt(now), owners}
		keep(&h.memory, &h.memory.hosts, host, hosts)
	}
	return hosts.Of(r.URL)
}

// entryOf returns an item's entry that can be given as it is; nil if there is none.
func (h *Helper) entryOf(item cache.Item, now time.Time) *cache.Entry {
	if item.Profile == "" {
		return nil
	}
	if entry := recall(&h.memory, &h.memory.entries, item); entry != nil && entry.young(now) {
		return entry.Entry
	}
	store, err := cache.Open(h.config.Dirs)
	if err != nil {
		return nil
	}
	defer store.Close()
	e, err := store.Ready(item, h.env, h.config.Clock(now))
	if err != nil || !secret.ValidToken(e.Token.Reveal(), e.Wide) || !e.ParseOrigins() {
		return nil
	}
	keep(&h.memory, &h.memory.entries, item, &keptEntry{readAt(now), e})
	return e
}
