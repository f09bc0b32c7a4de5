package helper

import (
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// lookEvery is how long an answer in memory is trusted before the sealed file and
// the files behind it are looked at again: the longest that a program which runs
// long goes on with a token after somebody rotated the secret or signed out.
const lookEvery = 100 * time.Millisecond

// mostRemembered bounds each half of the memory.
const mostRemembered = 1024

// memory holds what was read from the sealed cache a moment ago: the entries of
// profiles, and which profiles own what on a host, so that a thousand URLs of one
// API are one reading. Its tokens are in clear, as in every process that hands
// them out; it is the process's own and ends with it.
type memory struct {
	mu      sync.RWMutex
	entries map[string]*keptEntry  // by profile
	hosts   map[string]*keptOwners // by host
}

// look is when something was read. What was read is never changed.
type look time.Time

// keptEntry is the entry of a profile that was ready to answer.
type keptEntry struct {
	look
	*cache.Entry
}

// keptOwners is who owns what on a host.
type keptOwners struct {
	look
	*cache.Owners
}

// Cached answers from memory or the sealed cache, if that takes no waiting
// (cache.Store.Answer). False says nothing but that Get has to find out.
//
// It is the way of cmd/credhelper for programs that run long, a hundred times
// shorter: what was found counts for 100 ms.
func (h *Helper) Cached(r protocol.Request) (protocol.Credential, bool) {
	if r.Repeats || h.config.NoStore {
		return protocol.Credential{}, false
	}
	now := h.now()
	e := h.entryOf(h.profileOf(r, now), now)
	if e == nil {
		return protocol.Credential{}, false
	}
	// The clock of the machine's start was looked at with the entry (A21).
	return e.Answer(r, cache.Clock{Unix: now.Unix()})
}

// young reports whether something was read less than lookEvery ago, by the monotonic
// clock and, where that stood still in a sleeping machine, by the wall's.
func (l look) young(now time.Time) bool {
	age, wall := now.Sub(time.Time(l)), now.Unix()-time.Time(l).Unix()
	return age >= 0 && age < lookEvery && wall >= 0 && wall <= 1
}

// profileOf is the profile that a request names, or that owns its URL, if a route says
// so; else "".
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
		kept = &keptOwners{look(now), owners}
		keep(&h.memory, &h.memory.hosts, host, kept)
	}
	return kept.Of(r.URL)
}

// entryOf is the entry of a profile that is ready to answer; nil if there is none.
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
	if err != nil || e.Audit || !secret.ValidToken(e.Token.Reveal(), e.Wide) || !e.ParseOrigins() {
		return nil
	}
	keep(&h.memory, &h.memory.entries, name, &keptEntry{look(now), e})
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

// clear forgets everything, so that what this process changes counts for it at
// once.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries, m.hosts = nil, nil
}
