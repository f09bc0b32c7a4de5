package helper

import (
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// lookEvery is how long an answer in memory is used before the sealed file and its
// stamps are checked again: the longest time for which a long-running program uses a
// token after a rotation or sign-out.
const lookEvery = 100 * time.Millisecond

// mostRemembered limits each half of the memory.
const mostRemembered = 1024

// memory holds what was recently read from the sealed cache: the entries of profiles,
// and the owners of a host's URLs, so that a thousand URLs of one API are read once.
// Its tokens are in clear, as in every process that gives them out; it ends with the
// process.
type memory struct {
	mu      sync.RWMutex
	entries map[string]*keptEntry  // by profile
	hosts   map[string]*keptOwners // by host
}

// readAt is the time at which something was read. The value itself is immutable.
type readAt time.Time

// keptEntry is a profile's entry that can be given as it is.
type keptEntry struct {
	readAt
	*cache.Entry
}

// keptOwners holds the owners of a host's URLs.
type keptOwners struct {
	readAt
	*cache.Owners
}

// Cached answers from memory or the sealed cache, if that needs no waiting
// (cache.Store.Answer). If each use is logged, the line is written first. False only means
// that Get has to decide.
//
// It is what the front does, for long-running programs and a hundred times faster: a
// result is used for 100 ms.
func (h *Helper) Cached(r protocol.Request) (protocol.Credential, bool) {
	e, c, ok := h.peek(r)
	if ok && e.Audit {
		line := recordOf(r)
		line.Event, line.Source, line.Profile, line.Token, line.Expires = eventHit, fromCache, e.Profile, e.Fingerprint, e.Expires
		if h.append(line, e.LogLimit) != nil {
			return protocol.Credential{}, false
		}
	}
	return c, ok
}

// Peek is Cached for a comparison: the token is not logged, so it must not be given.
func (h *Helper) Peek(r protocol.Request) (protocol.Credential, bool) {
	_, c, ok := h.peek(r)
	return c, ok
}

func (h *Helper) peek(r protocol.Request) (e *cache.Entry, c protocol.Credential, ok bool) {
	if r.Repeats || h.config.NoStore {
		return nil, c, false
	}
	now := h.now()
	if e = h.entryOf(h.profileOf(r, now), now); e == nil {
		return nil, c, false
	}
	// The boot clock was checked when the entry was read (A21).
	c, ok = e.Answer(r, cache.Clock{Unix: now.Unix()})
	return e, c, ok
}

// young reports whether something was read less than lookEvery ago, by the monotonic
// clock and, because that stops while a machine is suspended, by the wall clock.
func (l readAt) young(now time.Time) bool {
	age, wall := now.Sub(time.Time(l)), now.Unix()-time.Time(l).Unix()
	return age >= 0 && age < lookEvery && wall >= 0 && wall <= 1
}

// profileOf returns the profile that a request names, or that owns its URL by a route;
// else "".
func (h *Helper) profileOf(r protocol.Request, now time.Time) string {
	if r.Profile != "" || r.URL == (origin.URL{}) {
		return r.Profile
	}
	host := r.URL.Host()
	kept := recall(&h.memory, &h.memory.hosts, host)
	if kept == nil || !kept.young(now) {
		store, err := cache.Open(h.config.Dirs)
		if err != nil {
			return ""
		}
		defer store.Close()
		owners, err := store.Owners(r.URL)
		if err != nil {
			return ""
		}
		kept = &keptOwners{readAt(now), owners}
		keep(&h.memory, &h.memory.hosts, host, kept)
	}
	return kept.Of(r.URL)
}

// entryOf returns a profile's entry that can be given as it is; nil if there is none.
func (h *Helper) entryOf(name string, now time.Time) *cache.Entry {
	if name == "" {
		return nil
	}
	if kept := recall(&h.memory, &h.memory.entries, name); kept != nil && kept.young(now) {
		return kept.Entry
	}
	store, err := cache.Open(h.config.Dirs)
	if err != nil {
		return nil
	}
	defer store.Close()
	e, err := store.Ready(name, h.env, h.config.Clock(now))
	if err != nil || !secret.ValidToken(e.Token.Reveal(), e.Wide) || !e.ParseOrigins() {
		return nil
	}
	keep(&h.memory, &h.memory.entries, name, &keptEntry{readAt(now), e})
	return e
}

func recall[V any](m *memory, rows *map[string]*V, key string) *V {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return (*rows)[key]
}

func keep[V any](m *memory, rows *map[string]*V, key string, v *V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if *rows == nil || len(*rows) >= mostRemembered {
		*rows = map[string]*V{}
	}
	(*rows)[key] = v
}

// clear empties the memory, so that a change by this process takes effect at once.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries, m.hosts = nil, nil
}
