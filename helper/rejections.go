package helper

import (
	"cmp"
	"context"
	"fmt"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// A tool that reports a refused token usually holds a dead one, and another helps. But
// an API also refuses valid tokens, for example because the account lacks permissions,
// and the tool reports each and asks again; git-lfs does so endlessly. So a report of a
// token fetched within the last minute neither drops nor fetches anything. It is
// counted, for all processes, and from the second one on callers for that origin get an
// error for some seconds.

// takeReports handles what the request reports about the current token: a report that
// comes too early is counted, and the request continues without it.
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
	// Another process may have replaced the token: the next caller must not get the
	// refused one from this process's memory.
	q.memory.clear()
	e, r := q.reported()
	switch guessed := q.request.Refused.Guessed; {
	case q.early(e, r):
		if !guessed {
			q.countReport(ctx)
		}
		q.request.Refused = protocol.Refusal{}
	case q.request.Refused.Current: // from here on it is identified
		q.request.Refused = protocol.Refusal{}
		if e != nil {
			q.request.Refused = protocol.Refusal{Token: e.Token, Guessed: guessed}
		}
	}
}

// guessReport treats another request of a process as a report, for a tool that asks
// again only after a refusal.
func (q *query) guessReport() {
	if !q.request.Repeats || !q.request.Refused.IsZero() {
		return
	}
	if e, _ := q.reported(); e != nil && q.given(e) {
		q.request.Refused.Current, q.request.Refused.Guessed = true, true
	}
}

// given reports whether the calling process is known to have been given e's token.
func (q *query) given(e *cache.Entry) bool {
	return q.request.Asker != "" && q.store.Asked(q.profile.Name, q.request.Asker, q.now().Unix()) == protocol.Mark(e.Token)
}

// insteadOfGuess returns the answer if a guess led to a failure: the current token,
// because the guess may be wrong.
func (q *query) insteadOfGuess(failure error) (protocol.Credential, error) {
	if q.request.Refused.Guessed {
		plain := *q // a flight may still use the guess
		plain.request.Refused = protocol.Refusal{}
		if e := plain.cached(); e != nil && plain.usable(e) {
			return plain.hit(e)
		}
	}
	return protocol.Credential{}, failure
}

// Given records which token was given to a process whose tool cannot name it later. It
// is called after the answer was written.
func (h *Helper) Given(r protocol.Request, c protocol.Credential) {
	if r.Asker == "" || h.config.NoStore {
		return
	}
	if store, err := h.cacheStore(); err == nil && store != nil {
		defer store.Close()
		_ = store.PutAsked(c.Profile, r.Asker, protocol.Mark(c.Secret), c.Expires)
	}
}

// reported returns the profile's current entry, and the reports about its token.
// Without an entry the reports may be about a token that could not be cached.
func (q *query) reported() (*cache.Entry, cache.Rejections) {
	r, found := q.store.Rejections(q.item)
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

// early reports whether the request reports the current token, and does so too early.
func (q *query) early(e *cache.Entry, r cache.Rejections) bool {
	if e != nil {
		return q.request.Refused.Of(e.Token) && r.Young(q.now().Unix())
	}
	return q.request.Refused.OfMark(r.Token) && r.Young(q.now().Unix())
}

// countReport records an early report. Errors are ignored: nothing is dropped then,
// either.
func (q *query) countReport(ctx context.Context) {
	q.rejecting.Lock() // waiting for the lock between processes costs each goroutine a thread
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
	if q.store.PutRejections(q.item, r) == nil && r.Block(now) {
		q.markRejectedLocked(ctx, lock, e, true)
	}
}

// markRejectedLocked sets whether the front may answer with an entry.
func (q *query) markRejectedLocked(ctx context.Context, lock *cache.Lock, e *cache.Entry, rejected bool) {
	if e == nil || lock == nil || e.Rejected == rejected {
		return
	}
	e.Rejected = rejected
	_ = q.store.Put(ctx, lock, e)
	q.memory.clear()
}

// accept ends the effects of reports about the current token, because a tool says that
// it was accepted.
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
		_ = q.store.DropRejections(q.item)
		q.markRejectedLocked(ctx, lock, e, false)
	}
}

// blocked returns the error for an origin whose API refuses valid tokens; nil if it
// gets a token. A request for another token at once is not blocked.
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
	return &protocol.Error{
		Kind: protocol.ErrRefused,
		Text: printable.Line(fmt.Sprintf("profile %s: %s refuses good tokens: the one that was fetched %s ago was reported as refused %d times",
			q.profile.Name, cmp.Or(row.Origin, "the API"), failure.Span(failure.Seconds(now-r.Issued)), row.Count)),
		Hint: printable.Line("check the account's rights there, and the token's scopes and audience; to ask for another token at once: credhelper test " +
			q.profile.Name),
		RetryAfter: wait,
	}
}

// noteUncachedLocked records a token that could not be cached, so that reports about it
// are recognized.
func (q *query) noteUncachedLocked(e *cache.Entry) {
	_, r := q.reported()
	r.Renew(protocol.Mark(e.Token), e.Issued, e.Expires)
	_ = q.store.PutRejections(q.item, r)
}
