package helper

import (
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
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
	entries map[cache.Item]*keptEntry
	hosts   map[string]*keptOwners // by host
}

// readAt is the time at which something was read. The value itself is immutable.
type readAt time.Time

// keptEntry is an entry that can be given as it is.
type keptEntry struct {
	readAt
	*cache.Entry
}

// keptOwners holds the owners of a host's URLs.
type keptOwners struct {
	readAt
	*cache.Owners
}

// young reports whether something was read less than lookEvery ago, by the monotonic
// clock and, because that stops while a machine is suspended, by the wall clock.
func (l readAt) young(now time.Time) bool {
	age, wall := now.Sub(time.Time(l)), now.Unix()-time.Time(l).Unix()
	return age >= 0 && age < lookEvery && wall >= 0 && wall <= 1
}

func recall[K comparable, V any](m *memory, rows *map[K]*V, key K) *V {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return (*rows)[key]
}

func keep[K comparable, V any](m *memory, rows *map[K]*V, key K, v *V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if *rows == nil || len(*rows) >= mostRemembered {
		*rows = map[K]*V{}
	}
	(*rows)[key] = v
}

// clear empties the memory, so that a change by this process takes effect at once.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries, m.hosts = nil, nil
}
