package helper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

// isFor reports whether the result of the flight also answers this request.
func (f *flight) isFor(q *query) bool { return f.binding == q.binding && f.subject.Same(q.subject) }

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
	item := cache.Item{Profile: h.profileOf(r, now), Narrowing: r.Narrowing}
	if item.Profile == "" || r.Refresh || h.config.NoStore {
		return c, false, leave
	}
	if e := recall(&h.memory, &h.memory.entries, item); e != nil && !r.Refused.Of(e.Token) && e.Usable(cache.Clock{Unix: now.Unix()}, r.MinTTL) {
		return c, false, leave
	}
	f, mine := h.finders.start(item)
	if mine {
		return c, false, func() { h.finders.end(item, f, h.now()) }
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
		if f := q.fetchers.failed(q.item, q.began); f != nil && !q.ahead && f.isFor(q) {
			return protocol.Credential{}, f.err
		}
		f, mine := q.fetchers.start(q.item)
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
		defer func() { q.fetchers.end(q.item, f, q.now()) }()
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

// withoutWaiting returns the answer after a wait for others has ended: a token that is
// still valid, or an error.
func (q *query) withoutWaiting() (protocol.Credential, error) {
	if q.ahead {
		return q.hit(q.seen)
	}
	if e := q.cached(); !q.renews && !q.request.Anew && e != nil && e.Usable(q.clock(), 0) {
		return q.hit(e)
	}
	return protocol.Credential{}, busy(q.profile.Name)
}
