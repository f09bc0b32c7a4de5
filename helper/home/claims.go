package home

import (
	"cmp"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Claims holds which profile owns what, as of one moment.
type Claims struct {
	broken []brokenFile
	stamps []cache.Stamp // of the files it was read from; nil if they might not show the next change
	every  []cache.Stamp // of each profile and preset, if they are few; else nil

	moved []*cache.FileOrigins // files whose claims have changed, before and after

	// Origins is what the profiles say, for the next time; nil if nothing was read.
	Origins *cache.Origins
	// Changed says that Origins differs from what was known before.
	Changed bool
}

// claim is one origin of one profile.
type claim struct {
	origin  origin.Origin
	profile *cache.FileOrigins
}

// claimsOf appends those claims of a profile that could match a host; all of them for
// "". A profile that only answers by name claims nothing.
func claimsOf(claims []claim, f *cache.FileOrigins, host string) []claim {
	if f.ByName {
		return claims
	}
	return originsOf(claims, f, host)
}

// originsOf appends the origins to which the token of a profile may go, if they could
// match a host.
func originsOf(claims []claim, f *cache.FileOrigins, host string) []claim {
	for _, text := range f.Origins {
		if !mayConcern(text, host) {
			continue // spared, there may be thousands
		}
		if o, err := origin.Parse(text); err == nil { // it was written by String
			claims = append(claims, claim{o, f})
		}
	}
	return claims
}

// mayConcern reports whether an origin could be about a host: it contains it, or it is a
// wildcard above it at any level.
func mayConcern(text, host string) bool {
	if strings.Contains(text, host) {
		return true
	}
	_, parent, wild := strings.Cut(text, "://*.")
	if end := strings.IndexAny(parent, ":/"); end >= 0 {
		parent = parent[:end]
	}
	return wild && strings.HasSuffix(host, parent)
}

// about returns the claims that could match a host; all of them for "".
func (c *Claims) about(host string) (claims []claim) {
	files := c.files()
	for i := range files {
		if f := &files[i]; !f.Broken {
			claims = claimsOf(claims, f, host)
		}
	}
	return claims
}

// files is what was read from each file.
func (c *Claims) files() []cache.FileOrigins {
	if c.Origins == nil {
		return nil
	}
	return c.Origins.Files
}

// Owner returns the profile that owns the URL, and its origin that matches (O12).
// Between equal claims the tool's user name decides, if it matches only one of the
// profiles (O14). Errors are those of Match.
func (c *Claims) Owner(u origin.URL, user string) (profile, from string, err error) {
	chosen, err := choose(c.about(u.Host()), u, user)
	if err != nil {
		return "", "", blame(err, c.broken, u)
	}
	return chosen.profile.Profile, chosen.origin.String(), nil
}

// Hosts returns what cache.Hosts stores beside the keys, without the time. ok is false if
// a change might not show in the stamps, or if a file could not be read at all.
func (c *Claims) Hosts() (h cache.Hosts, ok bool) {
	h.Stamps = c.stamps
	for i, b := range c.broken {
		if b.Unread {
			return h, false
		}
		if i == 0 {
			h.Unusable = b.Profile
		}
	}
	return h, c.stamps != nil
}

// HostKeys returns the keys of all hosts on which a profile may own something. It
// includes hosts that an invalid profile names, so that a request for one gets the error
// of that profile.
func (c *Claims) HostKeys() (keys []string) {
	files := c.files()
	keys = make([]string, 0, 4*len(files))
	for i := range files {
		if f := &files[i]; !f.Broken && !f.ByName {
			for _, text := range f.Origins {
				keys = cache.AppendHostKeys(keys, text)
			}
		}
	}
	for _, b := range c.broken {
		keys = append(keys, b.Origins...)
	}
	return keys
}

// Explanation says which profile answers for a URL, and why others do not.
type Explanation struct {
	Owner   string // profile; may be empty
	Origin  string // of the owner; it matches the URL
	Err     error  // why there is no owner; may be nil
	Also    []OtherClaim
	Skipped []error // files that are not valid profiles
}

// OtherClaim is an origin that does not get the URL, and why.
type OtherClaim struct {
	Profile string
	Origin  string
	Reason  string // "" if it also claims the URL, less specifically
	Host    bool   // it is on the URL's host
}

// Explain returns Owner's decision for a URL, with the reasons.
func (c *Claims) Explain(u origin.URL) (x Explanation) {
	for _, b := range c.broken {
		x.Skipped = append(x.Skipped, b.err)
	}
	all := c.about(u.Host())
	owner, err := choose(all, u, "")
	if err != nil {
		x.Err = blame(err, c.broken, u)
	} else {
		x.Owner, x.Origin = owner.profile.Profile, owner.origin.String()
	}
	for _, other := range all {
		if err == nil && other == owner {
			continue
		}
		r := other.origin.Match(u)
		also := OtherClaim{Profile: other.profile.Profile, Origin: other.origin.String(), Host: other.origin.Host() == u.Host()}
		if r != origin.Release {
			also.Reason = r.String()
		}
		if also.Host || r != origin.Host {
			x.Also = append(x.Also, also)
		}
	}
	x.Also = append(x.Also, c.namedOnly(u)...)
	return x
}

// namedOnly returns the origins whose token may go to the URL only for a caller that
// names the profile.
func (c *Claims) namedOnly(u origin.URL) (list []OtherClaim) {
	files := c.files()
	for i := range files {
		f := &files[i]
		if f.Broken || !f.ByName {
			continue
		}
		for _, claim := range originsOf(nil, f, u.Host()) {
			if claim.origin.Match(u) == origin.Release {
				list = append(list, OtherClaim{Profile: f.Profile, Origin: claim.origin.String(), Reason: "it answers only by its name (by_name)", Host: true})
			}
		}
	}
	return list
}

// With a route the front finds the profile of a URL without reading profiles: there is
// one small file for a host, and one for the parent domain of wildcards. The front
// reads the host's, and only if that is missing the parent's. So the host's file also
// lists the wildcards above it, and the parent's also the hosts one label below.

// Routes returns the routes for u's host, by their key. A nil one is to be dropped,
// because two profiles claim the same.
func (c *Claims) Routes(u origin.URL) map[string]*cache.Route {
	exact, wildcard := origin.RouteKeys(u)
	var onHost, onParent []claim
	ownsExact := false
	for _, claim := range c.about(cmp.Or(strings.TrimPrefix(wildcard, "*."), exact)) {
		key := claim.origin.RouteKey()
		if key == exact || key == wildcard {
			onHost = append(onHost, claim)
			ownsExact = ownsExact || key == exact
		}
		if wildcard != "" && (key == wildcard || below(key, wildcard)) {
			onParent = append(onParent, claim)
		}
	}
	routes := map[string]*cache.Route{}
	if ownsExact {
		c.addRoute(routes, exact, onHost)
	}
	if slices.ContainsFunc(onParent, func(c claim) bool { return c.origin.RouteKey() == wildcard }) {
		c.addRoute(routes, wildcard, onParent)
	}
	return routes
}

// StaleRoutes returns the keys of routes that an edit in place has made wrong, which
// their own stamps do not show; all is true if it may be any of them.
func (c *Claims) StaleRoutes() (keys []string, all bool) {
	const few = 100 // for each of which all profiles are searched
	if len(c.moved) > few {
		return nil, true
	}
	for _, f := range c.moved {
		if f.Broken {
			continue
		}
		for _, claim := range claimsOf(nil, f, "") {
			keys = append(keys, claim.origin.RouteKey())
			parent, wild := claim.origin.Wildcard()
			if !wild {
				_, parent, _ = strings.Cut(claim.origin.Host(), ".")
				keys = append(keys, "*."+parent)
				continue
			}
			for _, other := range c.about(parent) {
				if key := other.origin.RouteKey(); below(key, "*."+parent) {
					keys = append(keys, key)
				}
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), false
}

// below reports whether an exact host is one label below a wildcard key "*.parent".
func below(host, wildcard string) bool {
	dot := strings.IndexByte(host, '.')
	return dot > 0 && host[0] != '*' && host[dot:] == wildcard[1:]
}

func (c *Claims) addRoute(routes map[string]*cache.Route, host string, claims []claim) {
	route := &cache.Route{Stamps: slices.Concat(c.stamps, c.every), Complete: c.every != nil}
	for i, claim := range claims {
		for _, other := range claims[:i] {
			if claim.profile != other.profile && origin.SameClaim(claim.origin, other.origin) {
				routes[host] = nil
				return
			}
		}
		route.Claims = append(route.Claims, cache.Claim{Origin: claim.origin.String(), Profile: claim.profile.Profile})
	}
	if c.stamps != nil {
		routes[host] = route
	}
}
