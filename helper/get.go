package helper

import (
	"context"
	"errors"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Get answers a request: with one fetch for all processes, within 8 s from the
// process's start, without a prompt. Its errors wrap a sentinel of package protocol and
// are one line.
func (h *Helper) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	return h.get(ctx, r, false)
}

// RenewPool puts a new token into a profile's pool, whatever is there. It fails if the pool
// did not get it; without the store no token is fetched.
func (h *Helper) RenewPool(ctx context.Context, name string) (protocol.Credential, error) {
	return h.get(ctx, protocol.Request{Verb: protocol.Get, Profile: name, Refresh: true}, true)
}

// get is Get, or with renews RenewPool.
func (h *Helper) get(ctx context.Context, r protocol.Request, renews bool) (protocol.Credential, error) {
	if c, ok := h.Cached(r); ok {
		return c, nil
	}
	caller, began := ctx, h.now()
	ctx, cancel := h.deadline(caller, h.asked(r))
	defer cancel()
	c, ok, leave := h.awaitFinder(ctx, r)
	if ok {
		return c, nil
	}
	defer leave()
	q, err := h.newQuery(ctx, r)
	if err != nil {
		if !errors.Is(err, protocol.ErrNoProfile) { // tools ask about every host
			h.logFailure(recordOf(r), err)
		}
		return protocol.Credential{}, err
	}
	defer q.close()
	q.began, q.renews = began, renews
	if own := q.profile.Timeout; own > 0 && h.asked(r) == 0 { // the profile sets a time limit
		h.setTimeLimit(own)
		ctx, cancel = h.deadline(caller, own)
		defer cancel()
	}
	if c, err = q.answer(ctx); err != nil {
		c, err = q.insteadOfGuess(err)
	}
	if err != nil {
		h.logFailure(q.record(""), err)
		err = q.lastWord(err)
	}
	return c, err
}

// answer is the whole way of a miss, once it is known which profile answers: rows 6 to
// 10 of "The path of a request" in docs/architecture.md.
func (q *query) answer(ctx context.Context) (protocol.Credential, error) {
	q.takeReports(ctx)                  // the current token was refused, or accepted
	if err := q.blocked(); err != nil { // the API refuses valid tokens
		return protocol.Credential{}, err
	}
	q.seen = q.cached()
	if q.answers(q.seen) {
		q.restamp(ctx, q.seen)
		return q.hit(q.seen)
	}
	q.ahead = !q.request.Refresh && q.seen != nil && q.usable(q.seen)
	return q.share(ctx, func(ctx context.Context) (protocol.Credential, error) { // one goroutine of this process
		lock, err := q.lock(ctx, q.ahead) // one process of this home
		if errors.Is(err, protocol.ErrBusy) {
			return q.withoutWaiting()
		}
		if err != nil {
			return protocol.Credential{}, err
		}
		defer lock.Unlock()
		now := q.cached() // another process may have fetched one meanwhile (A22)
		if q.answers(now) && !q.renews {
			return q.hit(now)
		}
		token, err := q.obtainLocked(ctx, lock) // the pool, the mark, the secret, the server
		if err != nil {
			return q.insteadOfFailure(ctx, lock, now, err)
		}
		q.keepLocked(ctx, lock, token)
		if err := q.logUse(q.ofFetch(token)); err != nil {
			return protocol.Credential{}, err
		}
		return q.fetched(token), q.unshared()
	})
}

// newQuery finds the profile and opens the cache. The cache is created only if a
// profile answers.
func (h *Helper) newQuery(ctx context.Context, r protocol.Request) (*query, error) {
	q := &query{Helper: h, request: r}
	var err, unsafe error
	if q.settings, err = h.Settings(); err == nil {
		err = q.unlogged()
	}
	if err != nil {
		return nil, err
	}
	q.store, unsafe = h.cacheStore()
	if err = q.find(ctx); err == nil {
		err = q.narrow()
	}
	if err == nil && q.store == nil && !h.config.NoStore {
		if err = unsafe; err == nil {
			if q.store, err = cache.Create(h.config.Dirs); failure.ReadOnly(err) {
				q.unwritten(err)
				err = nil
			} else if err != nil {
				err = failure.Store(err)
			}
		}
	}
	if err != nil {
		q.close()
		return nil, err
	}
	q.identify()
	if asked := h.asked(r); asked > 0 {
		own := *q.profile
		q.profile, own.Timeout = &own, asked
	}
	q.keepRoutes()
	return q, nil
}

// find sets the profile that answers, and its origin that owns the URL.
func (q *query) find(ctx context.Context) (err error) {
	r := q.request
	switch {
	case r.Profile == "" && r.URL == (origin.URL{}):
		return protocol.Malformed("the request names neither a URL nor a profile")
	case r.Profile == "":
		return q.findOwner(ctx)
	}
	if q.profile, err = q.Profile(r.Profile); err != nil {
		return err
	}
	if r.URL == (origin.URL{}) {
		if len(q.profile.Origins) > 0 {
			q.origin = q.profile.Origins[0].String()
		}
		return nil
	}
	q.origin, err = home.Owns(q.profile, r.URL)
	return err
}

// findOwner finds the profile that owns the URL. With a valid route no other profile
// needs to be read.
func (q *query) findOwner(ctx context.Context) error {
	if q.routed() {
		return nil
	}
	return q.surveyed(ctx)
}
