package helper

import (
	"context"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
)

// A request can be narrowed to some of the profile's scopes, or to another audience that
// the profile allows. From here on it is a request to a profile that has only those: the
// binding of its token differs from that of the whole one, and it is another item of the
// cache, so neither is ever given in place of the other. The secret, the sign-in, the
// lock and the marks are the profile's: a bad secret must not be tried once for each
// scope.

// narrow replaces the profile by what the request leaves of it. Its error wraps
// ErrPolicy, before anything was asked or written.
func (q *query) narrow() (err error) {
	if q.request.Narrowing == (protocol.Narrowing{}) {
		return nil
	}
	q.whole = q.profile.TokenBinding()
	q.profile, err = q.profile.Narrow(q.request.Narrowing)
	return err
}

// findRefused makes a report of a token, in a request that is not narrowed, one of the
// narrowed item whose current token that is.
func (q *query) findRefused() {
	r := q.request
	if r.Narrowing != (protocol.Narrowing{}) || r.Refused.Current || r.Refused.IsZero() {
		return
	}
	if e := q.sealed(); e != nil && r.Refused.Of(e.Token) {
		return
	}
	for _, e := range q.store.Narrowed(q.profile.Name) {
		if !r.Refused.Of(e.Token) {
			continue
		}
		whole := *q
		q.request.Narrowing = e.Narrowing
		if q.narrow() != nil { // the profile no longer allows it: its entry answers nothing
			*q = whole
			return
		}
		q.identify()
		return
	}
}

// dropNarrowed drops the narrowed tokens of the profile, for a tool that logs out,
// except while one of them is young: docker erases four names at once.
func (q *query) dropNarrowed(ctx context.Context) error {
	list := q.store.Narrowed(q.profile.Name)
	for _, e := range list {
		if cache.Young(e.Issued, q.now().Unix()) {
			return nil
		}
	}
	if len(list) == 0 {
		return nil
	}
	lock, err := q.lock(ctx, false)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return failure.Store(q.store.DropNarrowed(q.profile.Name))
}
