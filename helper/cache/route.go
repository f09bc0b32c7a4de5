package cache

import (
	"errors"
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// Route lists the profiles that claim origins on one host. It is only a hint: the
// decisive origins are inside the sealed entry, and a wrong, damaged or forged route
// leads to a miss or to an entry that is checked itself.
type Route struct {
	Claims []Claim
	// Stamps are those of Dirs.Configuration and, if the route is Complete, of every file
	// in which another claim could be made. Any other route leads only while all files were
	// compared a moment ago (hosts.go).
	Stamps   []Stamp
	Complete bool
}

// Claim is one origin, in canonical form, and the profile that claims it.
type Claim struct{ Origin, Profile string }

const (
	routeMagic   = "CRR2"
	maxRouteSize = 256 << 10 // bytes; some 3,000 profiles on one host
)

// Route returns the route of a host key (origin.RouteKeys). ErrMiss says that there is
// none, or that a file it depends on has changed.
func (s *Store) Route(host string) (*Route, error) {
	content, err := s.dir.Read(RouteKey(host).file('r'), maxRouteSize)
	if err != nil {
		return nil, ErrMiss
	}
	r, ok := decodeRoute(host, content)
	if !ok || !allTrue(r.Stamps) {
		return nil, ErrMiss
	}
	return r, nil
}

// leads returns the route of a URL's host or, if there is none, of its parent domain, if
// it can be believed at now.
func (s *Store) leads(u origin.URL, now Clock) (*Route, error) {
	exact, wildcard := origin.RouteKeys(u)
	r, err := s.Route(exact)
	if err != nil && wildcard != "" {
		r, err = s.Route(wildcard)
	}
	if err == nil && !r.Complete {
		if h, _, err := s.hosts(); err != nil || !h.recent(now) {
			return nil, ErrMiss
		}
	}
	return r, err
}

// Owner returns the profile that owns a URL by its route at now; "" if none does.
func (s *Store) Owner(u origin.URL, now Clock) string {
	r, err := s.leads(u, now)
	if err != nil {
		return ""
	}
	i := best(len(r.Claims), u, func(i int) string { return r.Claims[i].Origin })
	if i < 0 {
		return ""
	}
	return r.Claims[i].Profile
}

// Owners is a route for many URLs of its host.
type Owners struct {
	claims  []Claim
	origins []origin.Origin
}

// Owners returns the route of a URL's host at now. ErrMiss says that there is none.
func (s *Store) Owners(u origin.URL, now Clock) (*Owners, error) {
	r, err := s.leads(u, now)
	if err != nil {
		return nil, err
	}
	parsed, ok := parseOrigins(nil, len(r.Claims), func(i int) string { return r.Claims[i].Origin })
	if !ok {
		return nil, ErrMiss
	}
	return &Owners{r.Claims, parsed}, nil
}

// Of returns the profile that owns a URL of the route's host; "" if none does.
func (o *Owners) Of(u origin.URL) string {
	if i := bestOf(o.origins, u); i >= 0 {
		return o.claims[i].Profile
	}
	return ""
}

// PutRoute stores the route of a host key.
func (s *Store) PutRoute(host string, r *Route) error {
	return s.dir.Replace(RouteKey(host).file('r'), r.encode(host))
}

// DropRoute removes the route of a host key.
func (s *Store) DropRoute(host string) error {
	return s.dir.Remove(RouteKey(host).file('r'))
}

// DropRoutes removes all routes.
func (s *Store) DropRoutes() error {
	names, err := s.dir.Names()
	for _, name := range names {
		if strings.HasPrefix(name, "r-") {
			err = errors.Join(err, s.dir.Remove(name))
		}
	}
	return err
}

func (r *Route) encode(host string) []byte {
	b := append(make([]byte, 0, 512), routeMagic...)
	b = appendText(b, host)
	b = appendStamps(b, r.Stamps)
	b = appendUint16(appendFlags(b, r.Complete), uint16(len(r.Claims)))
	for _, c := range r.Claims {
		b = appendText(b, c.Origin)
		b = appendText(b, c.Profile)
	}
	return b
}

func decodeRoute(host string, content []byte) (*Route, bool) {
	s := scanner{rest: string(content)}
	if s.take(len(routeMagic)) != routeMagic || s.text() != host {
		return nil, false
	}
	r := &Route{Stamps: s.stamps()}
	s.flags(&r.Complete)
	n := int(s.uint16())
	if n*4 > len(s.rest) {
		return nil, false
	}
	r.Claims = make([]Claim, n)
	for i := range r.Claims {
		r.Claims[i] = Claim{Origin: s.text(), Profile: s.text()}
	}
	return r, s.done()
}
