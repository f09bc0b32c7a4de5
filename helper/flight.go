package helper

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

// flights lets one goroutine of this process work for a profile while the others wait
// in memory. Waiting for the lock between processes costs a thread each, and a
// connector's thousand goroutines would need a thousand.
type flights struct {
	mu   sync.Mutex
	by   map[cache.Item]*flight
	last map[cache.Item]*flight // the one that ended last, if it failed
}

// flight is the work of one goroutine: it finds out where a token can come from,
// fetches one, or drops one. Its results may be read after done is closed.
type flight struct {
	done chan struct{}

	credential protocol.Credential // zero after a failure
	binding    [32]byte
	subject    cache.Subject
	err        error
	asked      bool // the server was asked, not only the cache
	late       bool // its own caller's time was over, which means nothing to others
	ended      time.Time
}

// start starts a flight for an item, or returns the current one.
func (fs *flights) start(item cache.Item) (f *flight, mine bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f = fs.by[item]; f != nil {
		return f, false
	}
	if fs.by == nil {
		fs.by = map[cache.Item]*flight{}
	}
	f = &flight{done: make(chan struct{})}
	fs.by[item] = f
	return f, true
}

// end wakes up the waiting goroutines.
func (fs *flights) end(item cache.Item, f *flight, now time.Time) {
	fs.mu.Lock()
	delete(fs.by, item)
	delete(fs.last, item)
	if f.ended = now; f.err != nil && !f.late {
		if fs.last == nil {
			fs.last = map[cache.Item]*flight{}
		}
		fs.last[item] = f
	}
	fs.mu.Unlock()
	close(f.done)
}

func (fs *flights) all() []*flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return slices.Collect(maps.Values(fs.by))
}

// failed returns a flight that failed after a request began, which shares that failure;
// nil if there is none.
func (fs *flights) failed(item cache.Item, since time.Time) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.last[item]; f != nil && f.ended.After(since) {
		return f
	}
	return nil
}

// await waits for another goroutine's flight; false if there is only time left to
// answer.
func (f *flight) await(ctx context.Context) bool {
	wait, cancel := withReserve(ctx)
	defer cancel()
	select {
	case <-f.done:
		return true
	case <-wait.Done():
		return false
	}
}

// lockReserve is the time left to answer when a wait ends.
const lockReserve = 500 * time.Millisecond

func withReserve(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, limited := ctx.Deadline(); limited {
		return context.WithDeadline(ctx, deadline.Add(-lockReserve))
	}
	return context.WithCancel(ctx)
}
