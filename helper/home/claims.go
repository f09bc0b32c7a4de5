package home

import (
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Claims holds which profile owns what, as of one moment.
type Claims struct {
	all    []claim
	broken []brokenFile
	stamps []cache.Stamp // of the files it was read from; nil if they might not show the next change
}

// claim is one origin of one profile.
type claim struct {
	origin  origin.Origin
	profile *config.Profile
}

func claimsOf(profiles []*config.Profile) (claims []claim) {
	for _, p := range profiles {
		for _, o := range p.Origins {
			claims = append(claims, claim{o, p})
		}
	}
	return claims
}

// Claims reads every profile.
func (h *Home) Claims() *Claims {
	stamps := h.stamps() // before anything is read, so that a concurrent change shows
	all, broken := h.load()
	return &Claims{claimsOf(all), broken, stamps.trusted()}
}

// Owner returns the profile that owns the URL, and its origin that matches (O12).
// Between equal claims the tool's user name decides, if it matches only one of the
// profiles (O14). Errors are those of Match.
func (c *Claims) Owner(u origin.URL, user string) (p *config.Profile, from string, err error) {
	chosen, err := choose(c.all, u, user)
	if err != nil {
		return nil, "", blame(err, c.broken, u)
	}
	return chosen.profile, chosen.origin.String(), nil
}

// Hosts returns the keys of all hosts on which a profile may have an origin, and the
// files they were read from, without the time. They include the hosts in invalid
// profiles, so that their errors are reported. ok is false if a change might not show,
// or if a file could not be read at all.
func (c *Claims) Hosts() (h cache.Hosts, keys []string, ok bool) {
	for _, claim := range c.all {
		keys = append(keys, cache.HostKeys(claim.origin)...)
	}
	for i, b := range c.broken {
		if !b.read {
			return h, nil, false
		}
		if i == 0 {
			h.Unusable = b.name
		}
		keys = append(keys, b.hosts...)
	}
	h.Stamps = c.stamps
	return h, keys, c.stamps != nil
}

// Explanation says which profile answers for a URL, and why others do not.
type Explanation struct {
	URL     string
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
	owner, err := choose(c.all, u, "")
	if err != nil {
		x.Err = blame(err, c.broken, u)
	} else {
		x.Owner, x.Origin = owner.profile.Name, owner.origin.String()
	}
	for _, other := range c.all {
		if err == nil && other == owner {
			continue
		}
		r := other.origin.Match(u)
		also := OtherClaim{Profile: other.profile.Name, Origin: other.origin.String(), Host: other.origin.Host() == u.Host()}
		if r != origin.Release {
			also.Reason = r.String()
		}
		if also.Host || r != origin.Host {
			x.Also = append(x.Also, also)
		}
	}
	return x
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
	for _, claim := range c.all {
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

// below reports whether an exact host is one label below a wildcard key "*.parent".
func below(host, wildcard string) bool {
	dot := strings.IndexByte(host, '.')
	return dot > 0 && host[0] != '*' && host[dot:] == wildcard[1:]
}

func (c *Claims) addRoute(routes map[string]*cache.Route, host string, claims []claim) {
	route := &cache.Route{Stamps: c.stamps}
	for i, claim := range claims {
		for _, other := range claims[:i] {
			if claim.profile != other.profile && origin.SameClaim(claim.origin, other.origin) {
				routes[host] = nil
				return
			}
		}
		route.Claims = append(route.Claims, cache.Claim{Origin: claim.origin.String(), Profile: claim.profile.Name})
	}
	if c.stamps != nil {
		routes[host] = route
	}
}
