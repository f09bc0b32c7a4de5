package helper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

// flights lets one goroutine of this process go for a profile's token while the
// others wait for it in memory: a wait for the lock between processes costs a
// thread each, and a thousand connectors' goroutines would need a thousand.
type flights struct {
	mu   sync.Mutex
	by   map[string]*flight // profile
	last map[string]*flight // profile -> the one that ended last, if it failed
}

// flight is one fetch, or one dropping of a token. What it brought may be read once
// done is closed.
type flight struct {
	done chan struct{}

	credential protocol.Credential // zero after a failure
	binding    [32]byte
	subject    cache.Subject
	err        error
	asked      bool // the server was asked, not only the cache
	late       bool // it ended with its own caller's time, which says nothing to others
	ended      time.Time
}

// isFor reports whether what the flight brought is what this request would bring.
func (f *flight) isFor(q *query) bool { return f.binding == q.binding && f.subject.Same(q.subject) }

// start begins a flight for a profile, or returns the one under way.
func (fs *flights) start(profile string) (f *flight, mine bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f = fs.by[profile]; f != nil {
		return f, false
	}
	if fs.by == nil {
		fs.by = map[string]*flight{}
	}
	f = &flight{done: make(chan struct{})}
	fs.by[profile] = f
	return f, true
}

// end lets the others go on.
func (fs *flights) end(profile string, f *flight, now time.Time) {
	fs.mu.Lock()
	delete(fs.by, profile)
	delete(fs.last, profile)
	if f.ended = now; f.err != nil && !f.late {
		if fs.last == nil {
			fs.last = map[string]*flight{}
		}
		fs.last[profile] = f
	}
	fs.mu.Unlock()
	close(f.done)
}

func (fs *flights) all() []*flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return slices.Collect(maps.Values(fs.by))
}

// failed is the flight that failed after a request began, which is then its failure
// as well; nil if there is none.
func (fs *flights) failed(profile string, since time.Time) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.last[profile]; f != nil && f.ended.After(since) {
		return f
	}
	return nil
}

// fetchLocked fetches, one goroutine and one process at a time. With an answer at
// hand nobody waits: whoever is fetching fetches for all, and everybody else goes
// on with the token that is still good.
//
// In a program that runs long the fetch ahead of time goes on behind the answer:
// its caller would wait for the server once an hour, and in an outage each time.
func (q *query) fetchLocked(ctx context.Context, seen *cache.Entry, atHand bool) (protocol.Credential, error) {
	behind := atHand && q.config.RunsLong && !q.profile.Person()
	if _, holds := q.mark(); holds && atHand {
		return q.hit(seen), nil
	}
	for {
		if f := q.flights.failed(q.profile.Name, q.began); f != nil && !atHand && f.isFor(q) {
			return protocol.Credential{}, f.err
		}
		f, mine := q.flights.start(q.profile.Name)
		if mine {
			q.fly(ctx, f, seen, atHand, behind)
			if !behind {
				return q.wait(ctx, f)
			}
		}
		if atHand {
			return q.hit(seen), nil
		}
		if !q.waitFor(ctx, f) {
			return q.late()
		}
		if c, ok := q.takes(f); ok {
			return c, nil
		}
	}
}

// aheadTime is the most that a caller with a good token waits for the next one. A
// sign-in gets its whole time: its refresh token counts once, and a request that is cut
// may have used it up (A18).
const aheadTime = time.Second

// fly fetches for all who wait. The fetch goes on to its end when its caller hangs
// up: the others wait for it, and a refresh token that was used up must be replaced
// (A18).
func (q *query) fly(ctx context.Context, f *flight, seen *cache.Entry, atHand, behind bool) {
	own := context.WithoutCancel(ctx)
	cancel := context.CancelFunc(func() {})
	switch deadline, limited := ctx.Deadline(); {
	case atHand && !behind && !q.profile.Person():
		own, cancel = context.WithTimeout(own, aheadTime)
	case limited:
		own, cancel = context.WithDeadline(own, deadline)
	}
	q.flight, q.ahead = f, atHand
	go func() {
		defer cancel()
		defer func() { q.flights.end(q.profile.Name, f, q.now()) }()
		f.binding, f.subject = q.binding, q.subject
		f.credential, f.err = q.underLock(own, seen, atHand)
		f.late = own.Err() != nil || errors.Is(f.err, protocol.ErrBusy)
		q.memory.clear()
	}()
}

// wait waits for one's own flight.
func (q *query) wait(ctx context.Context, f *flight) (protocol.Credential, error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return protocol.Credential{}, fmt.Errorf("profile %s: %w: %w", q.profile.Name, protocol.ErrUnreachable, ctx.Err())
		}
		<-f.done // it has the same deadline, and says what was slow
	}
	return f.credential, f.err
}

// waitFor waits for another goroutine's flight; false if there is only time left
// to answer in.
func (q *query) waitFor(ctx context.Context, f *flight) bool {
	wait, cancel := withReserve(ctx)
	defer cancel()
	select {
	case <-f.done:
		return true
	case <-wait.Done():
		return false
	}
}

// late is the answer when the wait was too long: a token that is still good, or
// none.
func (q *query) late() (protocol.Credential, error) {
	if e := q.cached(); e != nil && e.Usable(q.clock(), 0) {
		return q.hit(e), nil
	}
	return protocol.Credential{}, q.busy()
}

// takes reports whether what another goroutine brought, or what is in the cache by
// now, answers this request as well.
func (q *query) takes(f *flight) (protocol.Credential, bool) {
	if c, ok := q.serves(q.cached()); ok {
		return c, true
	}
	c := f.credential
	if !f.asked || c.Secret.IsZero() || !f.isFor(q) || q.request.Refuses(c.Secret) || c.Expires <= q.now().Unix() {
		return c, false
	}
	c.Origin = q.origin // it may have asked for another URL
	return c, true
}

// underLock fetches once no other process does.
func (q *query) underLock(ctx context.Context, seen *cache.Entry, atHand bool) (protocol.Credential, error) {
	lock, err := q.lock(ctx, atHand)
	if errors.Is(err, cache.ErrLocked) {
		if atHand {
			return q.hit(seen), nil
		}
		return q.late()
	}
	if err != nil {
		return protocol.Credential{}, err
	}
	if lock != nil {
		defer lock.Unlock()
	}
	// Somebody may have fetched while we waited (A22).
	now := q.cached()
	if c, ok := q.serves(now); ok {
		return c, nil
	}
	return q.fetch(ctx, lock, now)
}

// lockReserve is left of the deadline when a wait for others ends, to answer in.
const lockReserve = 500 * time.Millisecond

func withReserve(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, limited := ctx.Deadline(); limited {
		return context.WithDeadline(ctx, deadline.Add(-lockReserve))
	}
	return context.WithCancel(ctx)
}
