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

// hear takes in what the request says about the current token: a report that comes
// too early is counted, and the request goes on without it.
func (q *query) hear(ctx context.Context) {
	if q.store == nil {
		return
	}
	if !q.request.Offered.IsZero() {
		q.accept(ctx)
	}
	q.guess()
	if !q.request.Reports() {
		return
	}
	// Also where another process has replaced the token by now: who asks next must not
	// get the refused one out of this one's memory.
	q.memory.clear()
	e, r := q.current()
	switch guessed := q.request.Guessed; {
	case q.early(e, r):
		if !guessed {
			q.count(ctx)
		}
		q.request = q.request.WithoutReport()
	case q.request.RefusedCurrent: // from here on it has a name
		q.request = q.request.WithoutReport()
		if e != nil {
			q.request.Refused, q.request.Guessed = e.Token, guessed
		}
	}
}

// guess takes a second question of a process for a report, where the tool only asks
// again if its token was refused.
func (q *query) guess() {
	if !q.request.Repeats || q.request.Reports() {
		return
	}
	if e, _ := q.current(); e != nil && q.given(e) {
		q.request.RefusedCurrent, q.request.Guessed = true, true
	}
}

// given reports whether the process that asks is known to have been given e's token.
func (q *query) given(e *cache.Entry) bool {
	return q.request.Asker != "" && q.store.Asked(q.profile.Name, q.request.Asker, q.now().Unix()) == protocol.Mark(e.Token)
}

// logout reports whether the request forgets a token that its process was not given:
// that says nothing of the API, and docker's erases four names at once.
func (q *query) logout(e *cache.Entry) bool {
	return !q.request.Reports() && (e == nil || !q.given(e))
}

// instead of a failure is the token of a guess that was wrong, or cannot be helped.
func (q *query) instead(err error) (protocol.Credential, error) {
	if q.request.Guessed {
		q.request = q.request.WithoutReport()
		if e := q.cached(); e != nil && q.usable(e) {
			return q.hit(e), nil
		}
	}
	return protocol.Credential{}, err
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

// current is the entry of the profile as it is now, and what was reported about its
// token. Without an entry the reports may be about a token that could not be cached.
func (q *query) current() (*cache.Entry, cache.Rejections) {
	r, found := q.store.Rejections(q.profile.Name)
	if !found || r.Binding != q.binding {
		r = cache.Rejections{Binding: q.binding}
	}
	e, err := q.store.Get(q.profile.Name, q.subject)
	if err != nil || e.Binding != q.binding {
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
		return q.request.Refuses(e.Token) && r.Young(q.now().Unix())
	}
	return q.request.RefusesMarked(r.Token) && r.Young(q.now().Unix())
}

// count notes an early report. Failing costs only that: nothing is dropped then,
// either.
func (q *query) count(ctx context.Context) {
	q.rejecting.Lock() // a wait for the lock of processes costs each goroutine a thread
	defer q.rejecting.Unlock()
	now := q.now().Unix()
	if _, r := q.current(); r.Known(q.origin, now) {
		return
	}
	lock, err := q.lock(ctx, false)
	if err != nil {
		return
	}
	if lock != nil {
		defer lock.Unlock()
	}
	e, r := q.current()
	if !q.early(e, r) {
		return
	}
	r.Add(q.origin, now)
	if q.store.PutRejections(q.profile.Name, r) == nil && r.Block(now) {
		q.seal(ctx, lock, e, true)
	}
}

// seal lets the front answer with an entry, or not while it is rejected.
func (q *query) seal(ctx context.Context, lock *cache.Lock, e *cache.Entry, rejected bool) {
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
	if e, r := q.current(); e == nil || len(r.Rows) == 0 || !e.Token.Equal(q.request.Offered) {
		return
	}
	lock, err := q.lock(ctx, false)
	if err != nil || lock == nil {
		return
	}
	defer lock.Unlock()
	if e, _ := q.current(); e != nil && e.Token.Equal(q.request.Offered) {
		_ = q.store.DropRejections(q.profile.Name)
		q.seal(ctx, lock, e, false)
	}
}

// Accepted takes in that a tool's token was taken. It is no request for one.
func (h *Helper) Accepted(ctx context.Context, r protocol.Request) error {
	ctx, cancel := h.deadline(ctx, h.asked(r))
	defer cancel()
	if h.config.NoStore {
		return nil
	}
	q, err := h.newQuery(r)
	if err != nil {
		return err
	}
	defer q.close()
	q.hear(ctx)
	return nil
}

// blocked is the answer for an origin whose API refuses good tokens; nil if there is
// a token for it. Who asks for another one at once gets it.
func (q *query) blocked() error {
	if q.store == nil || q.request.Refresh {
		return nil
	}
	_, r := q.current()
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

// uncached notes a token that could not be cached, so that reports about it are known.
func (q *query) uncached(e *cache.Entry) {
	_, r := q.current()
	r.Renew(protocol.Mark(e.Token), e.Issued, e.Expires)
	_ = q.store.PutRejections(q.profile.Name, r)
}
