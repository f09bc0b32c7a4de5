package helper

import (
	"context"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
)

// withQuery handles a message about a token, which is not a request for one.
func (h *Helper) withQuery(ctx context.Context, r protocol.Request, do func(context.Context, *query) error) error {
	if h.config.NoStore {
		return nil
	}
	ctx, cancel := h.deadline(ctx, h.asked(r))
	defer cancel()
	q, err := h.newQuery(ctx, r)
	if err != nil {
		return err
	}
	defer q.close()
	return do(ctx, q)
}

// Accepted handles a tool's message that its token was accepted.
func (h *Helper) Accepted(ctx context.Context, r protocol.Request) error {
	return h.withQuery(ctx, r, func(ctx context.Context, q *query) error {
		q.takeReports(ctx)
		return nil
	})
}

// Forget drops the token that a tool reports as refused, if it is the current one; or
// the cached one, if the tool names none (cargo logout, terraform forget), unless it is
// younger than a minute.
func (h *Helper) Forget(ctx context.Context, r protocol.Request) error {
	return h.withQuery(ctx, r, func(ctx context.Context, q *query) error {
		if q.store == nil { // nothing can be stored
			return nil
		}
		defer q.memory.clear() // see takeReports
		q.findRefused()
		if q.request.Refused.IsZero() {
			current, rejections := q.reported()
			logout := q.logout(current)
			q.request.Refused.Current = true
			if logout && q.early(current, rejections) {
				return nil
			}
			if logout && q.item == cache.Whole(q.profile.Name) {
				if err := q.dropNarrowed(ctx); err != nil {
					return err
				}
			}
		}
		q.takeReports(ctx)
		for {
			if e := q.sealed(); e == nil || !q.request.Refused.Of(e.Token) {
				return nil
			}
			f, mine := q.fetchers.start(q.item)
			if mine {
				defer func() { q.fetchers.end(q.item, f, q.now()) }()
				return q.drop(ctx)
			}
			if !f.await(ctx) {
				return busy(q.profile.Name)
			}
		}
	})
}

// logout reports whether the request forgets a token that its process was not given:
// this says nothing about the API, and docker erases four names at once.
func (q *query) logout(e *cache.Entry) bool {
	return q.request.Refused.IsZero() && (e == nil || !q.given(e))
}

// drop removes the entry under the lock, if it is still the reported one.
func (q *query) drop(ctx context.Context) error {
	lock, err := q.lock(ctx, false)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	e := q.sealed()
	if e == nil || !q.request.Refused.Of(e.Token) {
		return nil
	}
	line := q.ofToken(q.record("reject"), e.Token, e.Expires)
	if q.profile.Pool.Name != "" {
		line.Token, line.Pool = q.nameOf(e.Token), q.profile.Pool.Name
		q.records().RefuseLocked(ctx, e, q.now().Unix())
	}
	q.log(line)
	return failure.Store(q.store.Drop(q.item, q.subject))
}
