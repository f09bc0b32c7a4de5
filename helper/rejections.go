package helper

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// A tool that reports a refused token mostly holds a dead one, and another helps. But
// an API refuses good tokens as well, from an account without rights for one, and the
// tool reports each and asks again: git-lfs without end. So a report about a token
// that was fetched in the last minute drops nothing and fetches nothing. It is
// counted, for all processes, and from the second one on those who ask for that
// origin are told for some seconds what the matter is.

// takeReports takes in what the request says about the current token: a report that comes
// too early is counted, and the request goes on without it.
func (q *query) takeReports(ctx context.Context) {
	if q.store == nil {
		return
	}
	if !q.request.Offered.IsZero() {
		q.accept(ctx)
	}
	q.guessReport()
	if q.request.Refused.IsZero() {
		return
	}
	// Also where another process has replaced the token by now: who asks next must not
	// get the refused one out of this one's memory.
	q.memory.clear()
	e, r := q.reported()
	switch guessed := q.request.Refused.Guessed; {
	case q.early(e, r):
		if !guessed {
			q.countReport(ctx)
		}
		q.request.Refused = protocol.Refusal{}
	case q.request.Refused.Current: // from here on it has a name
		q.request.Refused = protocol.Refusal{}
		if e != nil {
			q.request.Refused = protocol.Refusal{Token: e.Token, Guessed: guessed}
		}
	}
}

// guessReport takes a second question of a process for a report, where the tool only asks
// again if its token was refused.
func (q *query) guessReport() {
	if !q.request.Repeats || !q.request.Refused.IsZero() {
		return
	}
	if e, _ := q.reported(); e != nil && q.given(e) {
		q.request.Refused.Current, q.request.Refused.Guessed = true, true
	}
}

// given reports whether the process that asks is known to have been given e's token.
func (q *query) given(e *cache.Entry) bool {
	return q.request.Asker != "" && q.store.Asked(q.profile.Name, q.request.Asker, q.now().Unix()) == protocol.Mark(e.Token)
}

// logout reports whether the request forgets a token that its process was not given:
// that says nothing of the API, and docker's erases four names at once.
func (q *query) logout(e *cache.Entry) bool {
	return q.request.Refused.IsZero() && (e == nil || !q.given(e))
}

// insteadOfGuess is the answer where a guess ended in a failure: the current token, for
// the guess was wrong or cannot be helped.
func (q *query) insteadOfGuess(failure error) (protocol.Credential, error) {
	if q.request.Refused.Guessed {
		plain := *q // a flight may go on with the guess
		plain.request.Refused = protocol.Refusal{}
		if e := plain.cached(); e != nil && plain.usable(e) {
			return plain.hit(e), nil
		}
	}
	return protocol.Credential{}, failure
}

// Given notes which token was given to a process that cannot say which one it means. It
// is called once the answer is out.
func (h *Helper) Given(r protocol.Request, c protocol.Credential) {
	if r.Asker == "" || h.config.NoStore {
		return
	}
	if store, err := h.cacheStore(); err == nil && store != nil {
		defer store.Close()
		_ = store.PutAsked(c.Profile, r.Asker, protocol.Mark(c.Secret), c.Expires)
	}
}

// reported is the entry of the profile as it is now, and what was reported about its
// token. Without an entry the reports may be about a token that could not be cached.
func (q *query) reported() (*cache.Entry, cache.Rejections) {
	r, found := q.store.Rejections(q.profile.Name)
	if !found || r.Binding != q.binding {
		r = cache.Rejections{Binding: q.binding}
	}
	e := q.sealed()
	if e == nil || e.Binding != q.binding {
		return nil, r
	}
	if mark := protocol.Mark(e.Token); r.Token != mark {
		r = cache.Rejections{Binding: q.binding, Token: mark, Issued: e.Issued, Expires: e.Expires}
	}
	return e, r
}

// early reports whether the request reports the current token, and too early.
func (q *query) early(e *cache.Entry, r cache.Rejections) bool {
	if e != nil {
		return q.request.Refused.Of(e.Token) && r.Young(q.now().Unix())
	}
	return q.request.Refused.OfMark(r.Token) && r.Young(q.now().Unix())
}

// countReport notes an early report. Failing costs only that: nothing is dropped then,
// either.
func (q *query) countReport(ctx context.Context) {
	q.rejecting.Lock() // a wait for the lock of processes costs each goroutine a thread
	defer q.rejecting.Unlock()
	now := q.now().Unix()
	if _, r := q.reported(); r.Known(q.origin, now) {
		return
	}
	lock, err := q.lock(ctx, false)
	if err != nil {
		return
	}
	defer lock.Unlock()
	e, r := q.reported()
	if !q.early(e, r) {
		return
	}
	r.Add(q.origin, now)
	if q.store.PutRejections(q.profile.Name, r) == nil && r.Block(now) {
		q.markRejectedLocked(ctx, lock, e, true)
	}
}

// markRejectedLocked lets the front answer with an entry, or not while it is rejected.
func (q *query) markRejectedLocked(ctx context.Context, lock *cache.Lock, e *cache.Entry, rejected bool) {
	if e == nil || lock == nil || e.Rejected == rejected {
		return
	}
	e.Rejected = rejected
	_ = q.store.Put(ctx, lock, e)
	q.memory.clear()
}

// accept ends what reports about the current token began: a tool says that it was
// taken.
func (q *query) accept(ctx context.Context) {
	if e, r := q.reported(); e == nil || len(r.Rows) == 0 || !e.Token.Equal(q.request.Offered) {
		return
	}
	lock, err := q.lock(ctx, false)
	if err != nil || lock == nil {
		return
	}
	defer lock.Unlock()
	if e, _ := q.reported(); e != nil && e.Token.Equal(q.request.Offered) {
		_ = q.store.DropRejections(q.profile.Name)
		q.markRejectedLocked(ctx, lock, e, false)
	}
}

// blocked is the answer for an origin whose API refuses good tokens; nil if there is
// a token for it. Who asks for another one at once gets it.
func (q *query) blocked() error {
	if q.store == nil || q.request.Refresh {
		return nil
	}
	_, r := q.reported()
	now := q.now().Unix()
	row, wait := r.Blocked(q.origin, now)
	if row == nil {
		return nil
	}
	where := row.Origin
	if where == "" {
		where = "the API"
	}
	return &protocol.Error{
		Kind: protocol.ErrRefused,
		Text: printable.Line(fmt.Sprintf("profile %s: %s refuses good tokens: the one that was fetched %s ago was reported as refused %d times",
			q.profile.Name, where, span(seconds(now-r.Issued)), row.Count)),
		Hint: printable.Line("check the account's rights there, and the token's scopes and audience; to ask for another token at once: credhelper test " +
			q.profile.Name),
		RetryAfter: wait,
	}
}

// noteUncachedLocked notes a token that could not be cached, so that reports about it are
// known.
func (q *query) noteUncachedLocked(e *cache.Entry) {
	_, r := q.reported()
	r.Renew(protocol.Mark(e.Token), e.Issued, e.Expires)
	_ = q.store.PutRejections(q.profile.Name, r)
}

// withQuery does something with what a tool says of its token, which is no request for
// one.
func (h *Helper) withQuery(ctx context.Context, r protocol.Request, do func(context.Context, *query) error) error {
	if h.config.NoStore {
		return nil
	}
	ctx, cancel := h.deadline(ctx, h.asked(r))
	defer cancel()
	q, err := h.newQuery(r)
	if err != nil {
		return err
	}
	defer q.close()
	return do(ctx, q)
}

// Accepted takes in that a tool's token was taken.
func (h *Helper) Accepted(ctx context.Context, r protocol.Request) error {
	return h.withQuery(ctx, r, func(ctx context.Context, q *query) error {
		q.takeReports(ctx)
		return nil
	})
}

// Forget drops the token that a tool saw refused, if it is the current one;
// whichever is cached, if the tool named none (cargo logout, terraform forget), unless
// it is younger than a minute.
func (h *Helper) Forget(ctx context.Context, r protocol.Request) error {
	return h.withQuery(ctx, r, func(ctx context.Context, q *query) error {
		if q.store == nil { // nothing can be kept here
			return nil
		}
		defer q.memory.clear() // see takeReports
		if q.request.Refused.IsZero() {
			current, rejections := q.reported()
			logout := q.logout(current)
			q.request.Refused.Current = true
			if logout && q.early(current, rejections) {
				return nil
			}
		}
		q.takeReports(ctx)
		for {
			if e := q.sealed(); e == nil || !q.request.Refused.Of(e.Token) {
				return nil
			}
			f, mine := q.fetchers.start(q.profile.Name)
			if mine {
				defer func() { q.fetchers.end(q.profile.Name, f, q.now()) }()
				return q.drop(ctx)
			}
			if !f.await(ctx) {
				return q.busy()
			}
		}
	})
}

// drop removes the entry under the lock, if it still is the one reported.
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
	q.log(q.ofToken(q.record("reject"), e.Token, e.Expires))
	if err := q.store.Drop(q.profile.Name, q.subject); err != nil {
		return storeError(err)
	}
	return nil
}
