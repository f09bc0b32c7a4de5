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
func (a *asking) hear(ctx context.Context) {
	if a.store == nil {
		return
	}
	if !a.request.Offered.IsZero() {
		a.accept(ctx)
	}
	a.guess()
	if !a.request.Reports() {
		return
	}
	// Also where another process has replaced the token by now: who asks next must not
	// get the refused one out of this one's memory.
	a.memory.clear()
	e, r := a.current()
	switch guessed := a.request.Guessed; {
	case a.early(e, r):
		if !guessed {
			a.count(ctx)
		}
		a.request = a.request.WithoutReport()
	case a.request.RefusedCurrent: // from here on it has a name
		a.request = a.request.WithoutReport()
		if e != nil {
			a.request.Refused, a.request.Guessed = e.Token, guessed
		}
	}
}

// guess takes a second question of a process for a report, where the tool only asks
// again if its token was refused.
func (a *asking) guess() {
	if a.request.Asker == "" || a.request.Reports() {
		return
	}
	e, _ := a.current()
	if e != nil && a.store.Asked(a.profile.Name, a.request.Asker, a.now().Unix()) == protocol.Mark(e.Token) {
		a.request.RefusedCurrent, a.request.Guessed = true, true
	}
}

// instead of a failure is the token of a guess that was wrong, or cannot be helped.
func (a *asking) instead(err error) (protocol.Credential, error) {
	if a.request.Guessed {
		a.request = a.request.WithoutReport()
		if e := a.cached(); e != nil && a.usable(e) {
			return a.hit(e), nil
		}
	}
	return protocol.Credential{}, err
}

// Given notes which token was given to a process that only asks again if it was refused.
// It is called once the answer is out.
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
func (a *asking) current() (*cache.Entry, cache.Rejections) {
	r, found := a.store.Rejections(a.profile.Name)
	if !found || r.Binding != a.binding {
		r = cache.Rejections{Binding: a.binding}
	}
	e, err := a.store.Get(a.profile.Name, a.subject)
	if err != nil || e.Binding != a.binding {
		return nil, r
	}
	if mark := protocol.Mark(e.Token); r.Token != mark {
		r = cache.Rejections{Binding: a.binding, Token: mark, Issued: e.Issued, Expires: e.Expires}
	}
	return e, r
}

// early reports whether the request reports the current token, and too early.
func (a *asking) early(e *cache.Entry, r cache.Rejections) bool {
	if e != nil {
		return a.request.Refuses(e.Token) && r.Young(a.now().Unix())
	}
	return a.request.RefusesMarked(r.Token) && r.Young(a.now().Unix())
}

// count notes an early report. Failing costs only that: nothing is dropped then,
// either.
func (a *asking) count(ctx context.Context) {
	a.rejecting.Lock() // a wait for the lock of processes costs each goroutine a thread
	defer a.rejecting.Unlock()
	now := a.now().Unix()
	if _, r := a.current(); r.Known(a.origin, now) {
		return
	}
	lock, err := a.lock(ctx, false)
	if err != nil {
		return
	}
	if lock != nil {
		defer lock.Unlock()
	}
	e, r := a.current()
	if !a.early(e, r) {
		return
	}
	r.Add(a.origin, now)
	if a.store.PutRejections(a.profile.Name, r) == nil && r.Block(now) {
		a.seal(ctx, lock, e, true)
	}
}

// seal lets the front answer with an entry, or not while it is rejected.
func (a *asking) seal(ctx context.Context, lock *cache.Lock, e *cache.Entry, rejected bool) {
	if e == nil || lock == nil || e.Rejected == rejected {
		return
	}
	e.Rejected = rejected
	_ = a.store.Put(ctx, lock, e)
	a.memory.clear()
}

// accept ends what reports about the current token began: a tool says that it was
// taken.
func (a *asking) accept(ctx context.Context) {
	if e, r := a.current(); e == nil || len(r.Rows) == 0 || !e.Token.Equal(a.request.Offered) {
		return
	}
	lock, err := a.lock(ctx, false)
	if err != nil || lock == nil {
		return
	}
	defer lock.Unlock()
	if e, _ := a.current(); e != nil && e.Token.Equal(a.request.Offered) {
		_ = a.store.DropRejections(a.profile.Name)
		a.seal(ctx, lock, e, false)
	}
}

// Accepted takes in that a tool's token was taken. It is no request for one.
func (h *Helper) Accepted(ctx context.Context, r protocol.Request) error {
	ctx, cancel := h.deadline(ctx, h.asked(r))
	defer cancel()
	if h.config.NoStore {
		return nil
	}
	a, err := h.ask(r)
	if err != nil {
		return err
	}
	defer a.close()
	a.hear(ctx)
	return nil
}

// blocked is the answer for an origin whose API refuses good tokens; nil if there is
// a token for it. Who asks for another one at once gets it.
func (a *asking) blocked() error {
	if a.store == nil || a.request.Refresh {
		return nil
	}
	_, r := a.current()
	now := a.now().Unix()
	row, wait := r.Blocked(a.origin, now)
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
			a.profile.Name, where, span(seconds(now-r.Issued)), row.Count)),
		Hint: printable.Line("check the account's rights there, and the token's scopes and audience; to ask for another token at once: credhelper test " +
			a.profile.Name),
		RetryAfter: wait,
	}
}

// uncached notes a token that could not be cached, so that reports about it are known.
func (a *asking) uncached(e *cache.Entry) {
	_, r := a.current()
	r.Renew(protocol.Mark(e.Token), e.Issued, e.Expires)
	_ = a.store.PutRejections(a.profile.Name, r)
}
