package helper

import (
	"context"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// survey looks at all profiles: which owns what. It reads those that changed since the
// last time, and keeps what it found for the next time and for the front. What cannot be
// kept costs time, nothing else.
func (h *Helper) survey(ctx context.Context, store *cache.Store, u origin.URL) (*home.Claims, error) {
	var was *cache.Origins
	if store != nil {
		was, _ = store.Origins()
	}
	looking, cancel := beforeEnd(ctx)
	defer cancel()
	compared := h.clock() // before the first file is looked at
	claims, err := h.Claims(looking, was)
	if store == nil || claims.Origins == nil {
		return claims, err
	}
	hosts, ok := claims.Hosts()
	hosts.Compared = compared
	ok = ok && err == nil && looking.Err() == nil // else there is only time to keep what was parsed
	if ok && !claims.Changed && store.RenewHosts(was, hosts, u) || !ok && !claims.Changed {
		return claims, err
	}
	dropRoutes(store, claims)
	keeping, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if ok {
		_ = store.PutOrigins(keeping, claims.Origins, &hosts, claims.HostKeys())
	} else {
		_ = store.PutOrigins(keeping, claims.Origins, nil, nil)
	}
	return claims, err
}

// dropRoutes removes the routes that an edit in place has made wrong.
func dropRoutes(store *cache.Store, claims *home.Claims) {
	keys, all := claims.StaleRoutes()
	if all {
		_ = store.DropRoutes()
	}
	for _, key := range keys {
		_ = store.DropRoute(key)
	}
}

// beforeEnd leaves a little of ctx's time for keeping what was found.
func beforeEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	return context.WithDeadline(ctx, end.Add(-min(left/4, time.Second)))
}

// unowned is the error for a URL on whose host no profile has anything, if that is
// known from a moment ago; else nil.
func (q *query) unowned() error {
	if q.store != nil {
		if unusable, ok := q.store.Unowned(q.request.URL, q.clock()); ok {
			return protocol.Unowned(q.request.URL, unusable)
		}
	}
	return nil
}

// surveyed finds the owner of the request's URL among all profiles. In a process of many
// requests one looks, and the others wait for what it finds.
func (q *query) surveyed(ctx context.Context) error {
	if err := q.unowned(); err != nil {
		return err
	}
	q.surveying.Lock()
	defer q.surveying.Unlock()
	if q.routed() { // another request has looked
		return nil
	}
	if err := q.unowned(); err != nil {
		return err
	}
	u := q.request.URL
	claims, err := q.survey(ctx, q.store, u)
	if err != nil {
		return err
	}
	name, _, err := claims.Owner(u, q.request.Username)
	if err != nil {
		return err
	}
	if q.profile, err = q.Profile(name); err != nil {
		return err
	}
	if q.origin, err = home.Owns(q.profile, u); err != nil && q.store != nil { // it changed meanwhile
		_ = q.store.DropOrigins()
	}
	q.claims = claims
	return err
}

// Match finds the one profile that owns the URL, as home.Home.Match does, and keeps
// what it found.
func (h *Helper) Match(ctx context.Context, u origin.URL, name string) (*config.Profile, error) {
	if name != "" {
		return h.Home.Match(u, name)
	}
	claims, err := h.refreshed(ctx, u)
	if err != nil {
		return nil, err
	}
	owner, _, err := claims.Owner(u, "")
	if err != nil {
		return nil, err
	}
	return h.Profile(owner)
}

// refreshed is a survey that nobody else waits for.
func (h *Helper) refreshed(ctx context.Context, u origin.URL) (*home.Claims, error) {
	store, err := h.cacheStore()
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return h.survey(ctx, store, u)
}

// Refresh looks at all profiles, so that what was edited in place counts at once.
func (h *Helper) Refresh(ctx context.Context) { _, _ = h.refreshed(ctx, origin.URL{}) }

// routed finds the profile by a route.
func (q *query) routed() bool {
	if q.store == nil {
		return false
	}
	u := q.request.URL
	name := q.store.Owner(u, q.clock())
	if name == "" {
		return false
	}
	p, err := q.Profile(name)
	if err != nil || p.ByName {
		return false
	}
	if q.origin, err = home.Owns(p, u); err != nil {
		return false
	}
	q.profile = p
	return true
}
