package home

import (
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Claims is which profile owns what, as the profiles were at one moment.
type Claims struct {
	all    []claim
	broken []brokenFile
	stamps []cache.Stamp // of the files behind it; nil if they would not show the next change
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
	stamps := h.stamps() // before anything is read, so that a change in between shows
	all, broken := h.load()
	return &Claims{claimsOf(all), broken, stamps.trusted()}
}

// Owner finds the one profile that owns the URL, and its origin that the URL belongs to
// (O12). Among those with an equal right to it the user name that the tool sent
// decides, if one profile alone goes by it (O14). Errors are those of Match.
func (c *Claims) Owner(u origin.URL, user string) (p *config.Profile, from string, err error) {
	chosen, err := choose(c.all, u, user)
	if err != nil {
		return nil, "", blame(err, c.broken, u)
	}
	return chosen.profile, chosen.origin.String(), nil
}

// Hosts are the keys of the hosts that any profile may own something on, and what they
// were read from, without the time of it. Hosts that a broken profile names are among
// them, so that it is looked at and what is wrong is said. ok is false where a change
// would not show, or a file could not be read at all.
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

// Explanation says which profile answers for a URL, and why no other.
type Explanation struct {
	URL     string
	Owner   string // profile; "" if none
	Origin  string // of the owner, that the URL belongs to
	Err     error  // why there is no owner; nil if there is one
	Also    []OtherClaim
	Skipped []error // files that are no profiles
}

// OtherClaim is an origin that does not get the URL, and why.
type OtherClaim struct {
	Profile string
	Origin  string
	Reason  string // "" if it claims the URL too, less specifically
	Host    bool   // it is on the URL's host
}

// Explain says what Owner decides for a URL, and why.
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

// A route lets the front find the profile of a URL without reading a profile:
// one small file for a host, and one for the parent of wildcards. The front reads
// the host's, and the parent's only if the host has none, so the host's also has
// the wildcards over it, and the parent's also the hosts one label below.

// Routes are the routes that lead to u's host, by their key. A nil one is to be dropped:
// two profiles claim the same there.
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

// below reports whether an exact host is one label under a wildcard key "*.parent".
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
