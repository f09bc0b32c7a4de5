package home

import (
	"context"
	"slices"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Match returns the profile that owns the URL (O12). If there is none the error is
// protocol.ErrNoProfile with the reason of the closest one; for two equal claims it is
// protocol.ErrAmbiguous, and for plain http to a host that a profile owns with https
// protocol.ErrPolicy. A name only narrows (O14): that profile must own the URL. Only
// configuration files are read (O15).
func (h *Home) Match(u origin.URL, name string) (*config.Profile, error) {
	if name != "" {
		p, err := h.Profile(name)
		if err != nil {
			return nil, err
		}
		_, err = Owns(p, u)
		return p, err
	}
	claims, err := h.Claims(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	if name, _, err = claims.Owner(u, ""); err != nil {
		return nil, err
	}
	return h.Profile(name)
}

// choose is Owner for the given claims. Only between equal claims the tool's user name
// decides, if it matches only one of the profiles (O14).
func choose(claims []claim, u origin.URL, user string) (claim, error) {
	origins := make([]origin.Origin, len(claims))
	for i, c := range claims {
		origins[i] = c.origin
	}
	best, reason := origin.Best(origins, u)
	if reason != origin.Release {
		return claim{}, unowned(u, reason)
	}
	equal := []claim{claims[best]}
	for _, c := range claims {
		if c.profile != claims[best].profile && c.origin.Match(u) == origin.Release &&
			c.origin.Specificity() == claims[best].origin.Specificity() {
			equal = append(equal, c)
		}
	}
	if len(equal) == 1 {
		return equal[0], nil
	}
	named := slices.DeleteFunc(slices.Clone(equal), func(c claim) bool { return !goesBy(c.profile, user) })
	if len(named) == 1 {
		return named[0], nil
	}
	return claim{}, ambiguous(equal[0].profile, equal[1])
}

// goesBy reports whether the tool's user name can mean the profile.
func goesBy(f *cache.FileOrigins, user string) bool {
	return user != "" && (user == f.Username || user == f.ClientID)
}

// toldApart reports whether each of two profiles has a user name that the other has
// not.
func toldApart(a, b *cache.FileOrigins) bool {
	own := func(f, other *cache.FileOrigins) bool {
		return f.Username != "" && !goesBy(other, f.Username) || f.ClientID != "" && !goesBy(other, f.ClientID)
	}
	return own(a, b) && own(b, a)
}

// unowned returns the error if no profile owns the URL, with the reason of the closest
// one.
func unowned(u origin.URL, reason origin.Reason) *protocol.Error {
	e := protocol.Unowned(u, "")
	switch {
	case reason == origin.PlainHTTP:
		e.Kind = protocol.ErrPolicy
		e.Text = u.String() + ": " + reason.String()
		e.Hint = "ask for the https address"
	case reason == origin.BareHost:
		e.Kind = protocol.ErrPolicy
		e.Text = u.String() + ": " + reason.String()
		e.Hint = "where the token may go over that network in clear, add the origin " + u.String()
	case reason != origin.Host && reason != origin.NoOrigins:
		e.Text += ": " + reason.String()
	}
	return e
}

// blame names an invalid profile if it is the likely cause, because its file names the
// host. Otherwise it is only mentioned in the hint, so that tools can still ask about
// other hosts.
func blame(err error, broken []brokenFile, u origin.URL) error {
	e, ok := err.(*protocol.Error)
	if !ok || e.Kind != protocol.ErrNoProfile {
		return err
	}
	for _, b := range broken {
		if b.Profile == "" || b.names(u) {
			return b.err
		}
	}
	for _, b := range broken {
		if b.Unread { // it might own any host
			e.Note = b.err.Error() + "; which hosts it is for is not known"
			break
		}
	}
	if len(broken) > 0 {
		e.Hint = protocol.Unowned(u, broken[0].Profile).Hint
	}
	return e
}

// Owns returns the profile's origin that owns u. A URL that it does not own is refused
// as by Match.
func Owns(p *config.Profile, u origin.URL) (string, error) {
	i, reason := origin.Best(p.Origins, u)
	if reason == origin.Release {
		return p.Origins[i].String(), nil
	}
	e := unowned(u, reason)
	e.Text = "profile " + p.Name + " does not own " + u.String() + ": " + reason.String()
	return "", e
}

// shared returns an origin that two profiles claim equally (O12).
func shared(a, b *config.Profile) (string, bool) {
	if a.Name == b.Name || a.ByName || b.ByName {
		return "", false
	}
	for _, x := range a.Origins {
		for _, y := range b.Origins {
			if origin.SameClaim(x, y) {
				return x.String(), true
			}
		}
	}
	return "", false
}

// Ambiguous returns an error for each origin that several profiles claim equally (O12):
// the protocol.ErrAmbiguous that a request for it gets. apart are those where a user
// name in the request can decide: two accounts on one host.
func Ambiguous(profiles []*config.Profile) (problems, apart []error) {
	eachClash(profiles, func(other *cache.FileOrigins, c claim) {
		if toldApart(other, c.profile) {
			apart = append(apart, ambiguous(other, c))
			return
		}
		problems = append(problems, ambiguous(other, c))
	})
	return problems, apart
}

// Clashes returns, by the names of both profiles, the problems of Ambiguous.
func Clashes(profiles []*config.Profile) map[string]error {
	clashes := map[string]error{}
	eachClash(profiles, func(other *cache.FileOrigins, c claim) {
		if err := ambiguous(other, c); !toldApart(other, c.profile) {
			clashes[other.Profile], clashes[c.profile.Profile] = err, err
		}
	})
	return clashes
}

// eachClash yields the claims that another profile has made before.
func eachClash(profiles []*config.Profile, yield func(other *cache.FileOrigins, c claim)) {
	first := map[string]*cache.FileOrigins{} // by claim
	var claims []claim
	for _, p := range profiles {
		claims = claimsOf(claims, fileOrigins(p), "")
	}
	for _, c := range claims {
		claim := c.origin.Claim()
		switch other := first[claim]; other {
		case nil:
			first[claim] = c.profile
		case c.profile:
		default:
			yield(other, c)
		}
	}
}

// ambiguous returns the error if the profile of c and another one have the same claim.
func ambiguous(other *cache.FileOrigins, c claim) error {
	return &protocol.Error{Kind: protocol.ErrAmbiguous, Text: "profiles " + other.Profile + " and " + c.profile.Profile + " both claim " + c.origin.String(),
		Hint: "name the profile, or in git's URL its user name; or give one of them a path in origins: credhelper edit " + c.profile.Profile}
}
