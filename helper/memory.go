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

// mostRemembered bounds the memory: each URL that was asked about is a row.
const mostRemembered = 1024

// memory holds what was read from the sealed cache a moment ago. Its tokens are in
// clear, as in every process that hands them out; it is the process's own and ends
// with it.
type memory struct {
	mu   sync.RWMutex
	rows map[question]*remembered
}

// question is the part of a request that decides which token is the answer.
type question struct {
	profile string
	url     origin.URL
}

// remembered is a good answer; it is never changed.
type remembered struct {
	entry      *cache.Entry
	credential protocol.Credential
	looked     time.Time
}

// Cached answers from memory or the sealed cache, if that takes no waiting: the
// entry opens, none of the files behind it changed, it is outside its refresh
// margin and not the token that the request reports as refused. False says
// nothing but that Get has to find out.
//
// It is the road of cmd/credhelper for programs that run long, a hundred times
// shorter: what was found counts for 100 ms.
func (h *Helper) Cached(r protocol.Request) (protocol.Credential, bool) {
	if r.Refresh || h.config.NoStore {
		return protocol.Credential{}, false
	}
	now := h.now()
	q := question{r.Profile, r.URL}
	a := h.memory.at(q)
	if a == nil || !a.young(now) {
		if a = h.look(q, now); a == nil {
			return protocol.Credential{}, false
		}
		h.memory.keep(q, a)
	}
	// The clock of the machine's start was looked at with the entry (A21).
	if !a.entry.Fresh(cache.Clock{Unix: now.Unix()}, r.MinTTL) || r.Refuses(a.credential.Secret) {
		return protocol.Credential{}, false
	}
	return a.credential, true
}

// young tells whether the answer was looked at less than lookEvery ago, by the
// monotonic clock and, where that stood still in a sleeping machine, by the wall's.
func (a *remembered) young(now time.Time) bool {
	age, wall := now.Sub(a.looked), now.Unix()-a.looked.Unix()
	return age >= 0 && age < lookEvery && wall >= 0 && wall <= 1
}

// look reads the sealed cache; nil if it has no answer that needs nobody.
func (h *Helper) look(q question, now time.Time) *remembered {
	store, err := cache.Open(h.config.Dirs)
	if err != nil {
		return nil
	}
	defer store.Close()
	name := q.profile
	if name == "" {
		if name = store.Owner(q.url); name == "" {
			return nil
		}
	}
	clock := h.config.Clock(now)
	e, err := store.Get(name)
	if err != nil || e.Audit || !e.Fresh(clock, 0) || !e.Current() || !secret.ValidToken(e.Token.Reveal(), e.Wide) {
		return nil
	}
	claim := 0
	if q.url != (origin.URL{}) {
		if claim = e.Claim(q.url); claim < 0 {
			return nil
		}
	}
	c := credentialOf(e, clock)
	if claim < len(e.Origins) {
		c.Origin = e.Origins[claim]
	}
	return &remembered{entry: e, credential: c, looked: now}
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

func (m *memory) at(q question) *remembered {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.rows[q]
}

func (m *memory) keep(q question, a *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil || len(m.rows) >= mostRemembered {
		m.rows = map[question]*remembered{}
	}
	m.rows[q] = a
}

// clear forgets everything, so that what this process changes counts for it at
// once.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = nil
}
