package helper

import (
	"slices"

	"github.com/credhelper/credhelper/helper/cache"
)

// keepRoutes writes the routes for the request's host, if all profiles were read to
// find its owner.
func (q *query) keepRoutes() {
	if q.store != nil && q.claims != nil {
		putRoutes(q.store, q.claims.Routes(q.request.URL))
	}
}

// putRoutes writes routes by their host; nil drops one. Errors are ignored: a missing
// route only costs time.
func putRoutes(store *cache.Store, routes map[string]*cache.Route) {
	for host, route := range routes {
		if route == nil {
			_ = store.DropRoute(host)
			continue
		}
		if old, err := store.Route(host); err == nil && slices.Equal(old.Claims, route.Claims) && old.Complete == route.Complete {
			continue
		}
		_ = store.PutRoute(host, route)
	}
}
