package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pools"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// obtainLocked gets a token: from the profile's pool, which comes before the mark, the
// secret and the server, or from its server.
func (q *query) obtainLocked(ctx context.Context, lock *cache.Lock) (*oauth.Token, error) {
	if q.profile.Pool.Name == "" {
		return q.fetchLocked(ctx, lock)
	}
	call := pools.Call{
		Profile: q.profile,
		Request: q.request,
		Records: q.records(),
		Secret: func(ctx context.Context) (secret.Text, error) {
			proof, err := q.readProof(ctx)
			return secret.New(proof.shown()), err
		},
		Fetch: func(ctx context.Context, told *cache.Mark) (*oauth.Token, error) {
			q.told = told
			return q.fetchLocked(ctx, lock)
		},
		Mark:  q.markForAll,
		Renew: q.renews,
	}
	if e := q.sealed(); e != nil && e.Binding == q.binding {
		call.Has = e
	}
	if q.ahead {
		call.Early = q.seen
	}
	token, record, err := q.Pools.Obtain(ctx, call)
	hold := new(pools.Hold)
	switch {
	case errors.As(err, &hold):
		m := hold.Mark // for status: it is the pool that holds this host back, each time
		m.Binding, m.Ahead = q.whole, true
		q.putMark(m)
		return nil, waiting(q.profile, m, q.now())
	case err != nil:
		return nil, err
	}
	q.fromPool = &record
	return token, nil
}

// unshared returns the error for a token that the pool should have got, and did not.
func (q *query) unshared() error {
	if !q.renews || q.fromPool == nil || !q.fromPool.Alone {
		return nil
	}
	return &protocol.Error{Kind: protocol.ErrUnreachable, Text: "profile " + q.profile.Name + ": pool " + q.profile.Pool.Name + " did not get the new token",
		Hint: "see what is wrong: credhelper doctor " + q.profile.Name}
}

// shareLocked puts a token that was fetched to test the secret into the profile's pool. If
// that fails the token is this host's own.
func (q *query) shareLocked(ctx context.Context, token *oauth.Token) {
	if q.profile.Pool.Name == "" || q.profile.Pool.Reader {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, record, err := q.Pools.Obtain(ctx, pools.Call{Profile: q.profile, Request: q.request, Records: q.records(), Renew: true, Tested: token,
		Secret: func(context.Context) (s secret.Text, err error) { return s, protocol.ErrNoSecret }})
	if err != nil {
		q.report(err.Error() + "; the pool did not get this token: credhelper pool renew " + q.profile.Name)
	} else if record.Fetched {
		q.fromPool = &record
	}
}

// markForAll returns this host's mark, and the secret that it refers to. It is false if
// there is none, or if it is about what only this host has: a proxy, or a token that is
// still good.
func (q *query) markForAll(ctx context.Context) (m cache.Mark, refused secret.Text, ok bool) {
	m, holds := q.mark()
	if ok = holds && !m.Ahead; !ok || !m.Refused {
		return m, refused, ok
	}
	proof, err := q.readProof(ctx)
	if err != nil || m.Secret != proof.mark(q.profile.Name) {
		return m, refused, false
	}
	return m, secret.New(proof.shown()), true
}
