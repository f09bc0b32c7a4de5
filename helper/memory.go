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

// memory holds what was read from the sealed cache a moment ago: the answers of
// profiles, and which profiles own what on a host, so that a thousand URLs of one
// API are one reading. Its tokens are in clear, as in every process that hands
// them out; it is the process's own and ends with it.
type memory struct {
	mu      sync.RWMutex
	answers map[string]*remembered // by profile
	hosts   map[string]*known      // by host
}

// look is when something was read. What was read is never changed.
type look time.Time

// remembered is the good answer of a profile.
type remembered struct {
	look
	entry      *cache.Entry
	origins    []origin.Origin // the entry's
	credential protocol.Credential
}

// known is who owns what on a host.
type known struct {
	look
	owners *cache.Owners
}

// Cached answers from memory or the sealed cache, if that takes no waiting: the
// entry opens, none of the files behind it changed, it is outside its refresh
// margin and not the token that the request reports as refused. False says
// nothing but that Get has to find out.
//
// It is the road of cmd/credhelper for programs that run long, a hundred times
// shorter: what was found counts for 100 ms.
func (h *Helper) Cached(r protocol.Request) (protocol.Credential, bool) {
	none := protocol.Credential{}
	if r.Refresh || r.Asker != "" || h.config.NoStore {
		return none, false
	}
	now := h.now()
	name := r.Profile
	if name == "" {
		if name = h.ownerOf(r.URL, now); name == "" {
			return none, false
		}
	}
	a := h.answerOf(name, now)
	// The clock of the machine's start was looked at with the entry (A21).
	if a == nil || !a.entry.Fresh(cache.Clock{Unix: now.Unix()}, r.MinTTL) || r.Refuses(a.credential.Secret) {
		return none, false
	}
	c := a.credential
	if r.URL != (origin.URL{}) {
		i, reason := origin.Best(a.origins, r.URL)
		if reason != origin.Release {
			return none, false
		}
		c.Origin = c.Origins[i]
	}
	return c, true
}

// young reports whether something was read less than lookEvery ago, by the monotonic
// clock and, where that stood still in a sleeping machine, by the wall's.
func (l look) young(now time.Time) bool {
	age, wall := now.Sub(time.Time(l)), now.Unix()-time.Time(l).Unix()
	return age >= 0 && age < lookEvery && wall >= 0 && wall <= 1
}

// ownerOf is the profile that owns a URL, if a route says so; else "".
func (h *Helper) ownerOf(u origin.URL, now time.Time) string {
	if u == (origin.URL{}) {
		return ""
	}
	k := recall(&h.memory, &h.memory.hosts, u.Host())
	if k == nil || !k.young(now) {
		store, err := cache.Open(h.config.Dirs)
		if err != nil {
			return ""
		}
		defer store.Close()
		owners, err := store.Owners(u)
		if err != nil {
			return ""
		}
		k = &known{look(now), owners}
		keep(&h.memory, &h.memory.hosts, u.Host(), k)
	}
	return k.owners.Of(u)
}

// answerOf is the answer of a profile; nil if it has none that needs nobody.
func (h *Helper) answerOf(name string, now time.Time) *remembered {
	if a := recall(&h.memory, &h.memory.answers, name); a != nil && a.young(now) {
		return a
	}
	store, err := cache.Open(h.config.Dirs)
	if err != nil {
		return nil
	}
	defer store.Close()
	clock := h.config.Clock(now)
	e, err := store.Find(name, h.env)
	if err != nil || e.Audit || e.Rejected || !e.Fresh(clock, 0) || !e.Current() || !secret.ValidToken(e.Token.Reveal(), e.Wide) {
		return nil
	}
	a := &remembered{look: look(now), entry: e, credential: credentialOf(e, clock)}
	for _, text := range e.Origins {
		o, err := origin.Parse(text)
		if err != nil {
			return nil
		}
		a.origins = append(a.origins, o)
	}
	if len(e.Origins) > 0 {
		a.credential.Origin = e.Origins[0]
	}
	keep(&h.memory, &h.memory.answers, name, a)
	return a
}

// credentialOf is the answer that an entry holds.
func credentialOf(e *cache.Entry, now cache.Clock) protocol.Credential {
	return protocol.Credential{
		Profile:   e.Profile,
		Scheme:    e.Scheme,
		Header:    e.Header,
		Username:  e.Username,
		Secret:    e.Token,
		Wide:      e.Wide,
		Expires:   e.Expires,
		Source:    "cache",
		Origins:   e.Origins,
		RefreshOn: e.RefreshOn(now),
	}
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
	m.answers, m.hosts = nil, nil
}
