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

// flights lets one goroutine of this process do for a profile what the others then wait
// for in memory: a wait for the lock between processes costs a thread each, and a
// thousand connectors' goroutines would need a thousand.
type flights struct {
	mu   sync.Mutex
	by   map[string]*flight // profile
	last map[string]*flight // profile -> the one that ended last, if it failed
}

// flight is what one goroutine does: it finds out where a token may come from, fetches
// one, or drops one. What it brought may be read once done is closed.
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

// await waits for another goroutine's flight; false if there is only time left to answer
// in.
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

// awaitFinder lets one of many who miss the same profile's token at the same time go
// and find out. A thousand goroutines at a token's end would otherwise read settings,
// profile and preset a thousand times, only to learn in the end that they have to
// wait for one of them: with twenty such processes that took the machine for seconds,
// and the one that fetches missed the keyring's deadline.
//
// It returns an answer that another goroutine brought. Without one the caller finds out
// itself, and calls leave. Who has a token that is still good, while it is being renewed,
// does not wait.
func (h *Helper) awaitFinder(ctx context.Context, r protocol.Request) (c protocol.Credential, ok bool, leave func()) {
	leave = func() {}
	now := h.now()
	name := h.profileOf(r, now)
	if name == "" || r.Refresh || h.config.NoStore {
		return c, false, leave
	}
	if e := recall(&h.memory, &h.memory.entries, name); e != nil && !r.Refused.Of(e.Token) && e.Usable(cache.Clock{Unix: now.Unix()}, r.MinTTL) {
		return c, false, leave
	}
	f, mine := h.finders.start(name)
	if mine {
		return c, false, func() { h.finders.end(name, f, h.now()) }
	}
	f.await(ctx)
	c, ok = h.Cached(r)
	return c, ok, leave
}

// share is the answer that fetch brings to all who miss the profile's token: one
// goroutine runs it, and the others wait. With an answer at hand nobody waits: whoever is
// fetching fetches for all, and everybody else goes on with the token that is still good.
//
// In a program that runs long the fetch ahead of time goes on behind the answer:
// its caller would wait for the server once an hour, and in an outage each time.
func (q *query) share(ctx context.Context, fetch func(context.Context) (protocol.Credential, error)) (protocol.Credential, error) {
	if q.store == nil { // nothing tells the others whose token it is
		return fetch(ctx)
	}
	if _, holds := q.mark(); holds && q.ahead {
		return q.hit(q.seen), nil
	}
	for {
		if f := q.fetchers.failed(q.profile.Name, q.began); f != nil && !q.ahead && f.isFor(q) {
			return protocol.Credential{}, f.err
		}
		f, mine := q.fetchers.start(q.profile.Name)
		if mine {
			behind := q.ahead && q.config.RunsLong && !q.profile.Person()
			q.lead(ctx, f, behind, fetch)
			if !behind {
				return q.wait(ctx, f)
			}
		}
		if q.ahead {
			return q.hit(q.seen), nil
		}
		if !f.await(ctx) {
			return q.withoutWaiting()
		}
		if c, ok := q.take(f); ok {
			return c, nil
		}
	}
}

// aheadTime is the most that a caller with a good token waits for the next one. A
// sign-in gets its whole time: its refresh token counts once, and a request that is cut
// may have used it up (A18).
const aheadTime = time.Second

// lead fetches for all who wait. The fetch goes on to its end when its caller hangs
// up: the others wait for it, and a refresh token that was used up must be replaced
// (A18).
func (q *query) lead(ctx context.Context, f *flight, behind bool, fetch func(context.Context) (protocol.Credential, error)) {
	own := context.WithoutCancel(ctx)
	cancel := context.CancelFunc(func() {})
	switch deadline, limited := ctx.Deadline(); {
	case q.ahead && !behind && !q.profile.Person():
		own, cancel = context.WithTimeout(own, aheadTime)
	case limited:
		own, cancel = context.WithDeadline(own, deadline)
	}
	q.flight = f
	go func() {
		defer cancel()
		defer func() { q.fetchers.end(q.profile.Name, f, q.now()) }()
		f.binding, f.subject = q.binding, q.subject
		f.credential, f.err = fetch(own)
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

// take is the answer that another goroutine brought, or that is in the cache by now; false
// if neither is one to this request.
func (q *query) take(f *flight) (protocol.Credential, bool) {
	if c, ok := q.serve(q.cached()); ok {
		return c, true
	}
	c := f.credential
	if !f.asked || c.Secret.IsZero() || !f.isFor(q) || q.request.Refused.Of(c.Secret) || c.Expires <= q.now().Unix() {
		return c, false
	}
	c.Origin = q.origin // it may have asked for another URL
	return c, true
}

// lockReserve is left of the deadline when a wait for others ends, to answer in.
const lockReserve = 500 * time.Millisecond

func withReserve(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, limited := ctx.Deadline(); limited {
		return context.WithDeadline(ctx, deadline.Add(-lockReserve))
	}
	return context.WithCancel(ctx)
}
