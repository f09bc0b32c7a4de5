package helper

import (
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol/origin"
)

// A route lets the front find the profile of a URL without reading a profile:
// one small file for a host, and one for the parent of wildcards. The front reads
// the host's, and the parent's only if the host has none, so the host's also has
// the wildcards over it, and the parent's also the hosts one label below.

// compileRoutes writes the routes that lead to u's host, if no two profiles claim
// the same there. A route that cannot be written costs time, nothing else.
func (q *query) compileRoutes(claims []claim, u origin.URL, stamps *stampList) {
	if q.store == nil || len(claims) == 0 {
		return
	}
	exact, wildcard := origin.RouteKeys(u)
	var onHost, onParent []claim
	ownsExact := false
	for _, c := range claims {
		key := c.origin.RouteKey()
		if key == exact || key == wildcard {
			onHost = append(onHost, c)
			ownsExact = ownsExact || key == exact
		}
		if wildcard != "" && (key == wildcard || below(key, wildcard)) {
			onParent = append(onParent, c)
		}
	}
	if ownsExact {
		q.putRoute(exact, onHost, stamps)
	}
	if slices.ContainsFunc(onParent, func(c claim) bool { return c.origin.RouteKey() == wildcard }) {
		q.putRoute(wildcard, onParent, stamps)
	}
}

// below reports whether an exact host is one label under a wildcard key "*.parent".
func below(host, wildcard string) bool {
	dot := strings.IndexByte(host, '.')
	return dot > 0 && host[0] != '*' && host[dot:] == wildcard[1:]
}

func (q *query) putRoute(host string, claims []claim, stamps *stampList) {
	for i, c := range claims {
		for _, other := range claims[:i] {
			if c.profile != other.profile && origin.SameClaim(c.origin, other.origin) {
				_ = q.store.DropRoute(host)
				return
			}
		}
	}
	if !stamps.trusted {
		return
	}
	route := &cache.Route{Stamps: stamps.list}
	for _, c := range claims {
		route.Claims = append(route.Claims, cache.Claim{Origin: c.origin.String(), Profile: c.profile.Name})
	}
	if old, err := q.store.Route(host); err == nil && slices.Equal(old.Claims, route.Claims) {
		return
	}
	_ = q.store.PutRoute(host, route)
}
