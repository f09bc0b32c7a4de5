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

// flights lets one goroutine of this process work for a profile while the others wait
// in memory. Waiting for the lock between processes costs a thread each, and a
// connector's thousand goroutines would need a thousand.
type flights struct {
	mu   sync.Mutex
	by   map[string]*flight // by profile
	last map[string]*flight // by profile: the one that ended last, if it failed
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

// isFor reports whether the result of the flight also answers this request.
func (f *flight) isFor(q *query) bool { return f.binding == q.binding && f.subject.Same(q.subject) }

// start starts a flight for a profile, or returns the current one.
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

// end wakes up the waiting goroutines.
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

// failed returns a flight that failed after a request began, which shares that failure;
// nil if there is none.
func (fs *flights) failed(profile string, since time.Time) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.last[profile]; f != nil && f.ended.After(since) {
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

// awaitFinder lets one of many goroutines that miss the same profile's token find out
// whether to fetch. Otherwise a thousand goroutines would each read settings, profile
// and preset when a token expires, only to wait for one of them: with twenty such
// processes the machine was busy for seconds, and the one that fetched missed the
// keyring's deadline.
//
// It returns an answer that another goroutine found. If there is none, the caller finds
// out itself, and calls leave. A caller with a valid token, which is only being
// renewed, does not wait.
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

// share runs fetch in one goroutine for all that miss the profile's token, while the
// others wait for its result. If there is an answer at hand no one waits: the others
// use the token that is still valid.
//
// In a long-running program an early renewal continues in the background: its caller
// would otherwise wait for the server once an hour, and during an outage each time.
func (q *query) share(ctx context.Context, fetch func(context.Context) (protocol.Credential, error)) (protocol.Credential, error) {
	if q.store == nil { // without a store, subjects cannot be distinguished
		return fetch(ctx)
	}
	if _, holds := q.mark(); holds && q.ahead {
		return q.hit(q.seen)
	}
	for {
		if f := q.fetchers.failed(q.profile.Name, q.began); f != nil && !q.ahead && f.isFor(q) {
			return protocol.Credential{}, f.err
		}
		f, mine := q.fetchers.start(q.profile.Name)
		if mine {
			behind := q.ahead && q.config.RunsLong && !q.profile.Interactive()
			q.lead(ctx, f, behind, fetch)
			if !behind {
				return q.wait(ctx, f)
			}
		}
		if q.ahead {
			return q.hit(q.seen)
		}
		if !f.await(ctx) {
			return q.withoutWaiting()
		}
		if c, ok, err := q.take(f); ok || err != nil {
			return c, err
		}
	}
}

// aheadTime is how long a caller with a valid token waits for the next one. Renewing a
// sign-in gets its full time, because its refresh token can be used only once and an
// aborted request may have used it up (A18).
const aheadTime = time.Second

// lead fetches for all that wait. The fetch continues if its caller gives up: the
// others wait for it, and a used refresh token must be replaced (A18).
func (q *query) lead(ctx context.Context, f *flight, behind bool, fetch func(context.Context) (protocol.Credential, error)) {
	own := context.WithoutCancel(ctx)
	cancel := context.CancelFunc(func() {})
	switch deadline, limited := ctx.Deadline(); {
	case q.ahead && !behind && !q.profile.Interactive():
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

// wait waits for this request's own flight.
func (q *query) wait(ctx context.Context, f *flight) (protocol.Credential, error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return protocol.Credential{}, fmt.Errorf("profile %s: %w: %w", q.profile.Name, protocol.ErrUnreachable, ctx.Err())
		}
		<-f.done // it has the same deadline, and reports what was slow
	}
	return f.credential, f.err
}

// take returns the answer that another goroutine found, or that is in the cache now;
// false if neither answers this request.
func (q *query) take(f *flight) (c protocol.Credential, ok bool, err error) {
	if e := q.cached(); q.answers(e) {
		c, err = q.hit(e)
		return c, err == nil, err
	}
	c = f.credential
	if !f.asked || c.Secret.IsZero() || !f.isFor(q) || q.request.Refused.Of(c.Secret) || c.Expires <= q.now().Unix() {
		return c, false, nil
	}
	if err := q.logHit(c.Secret, c.Expires); err != nil {
		return protocol.Credential{}, false, err
	}
	c.Origin = q.origin // it may have requested another URL
	return c, true, nil
}

// lockReserve is the time left to answer when a wait ends.
const lockReserve = 500 * time.Millisecond

func withReserve(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, limited := ctx.Deadline(); limited {
		return context.WithDeadline(ctx, deadline.Add(-lockReserve))
	}
	return context.WithCancel(ctx)
}
