package home

import (
	"slices"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Match finds the one profile that owns the URL (O12). No profile is
// protocol.ErrNoProfile with the nearest reason; two with an equal right to it
// are protocol.ErrAmbiguous; plain http to a host that a profile owns by https is
// protocol.ErrPolicy. A profile that is named only narrows (O14): it must own the
// URL. Nothing but configuration files is touched (O15).
func (h *Home) Match(u origin.URL, name string) (*config.Profile, error) {
	if name != "" {
		p, err := h.Profile(name)
		if err != nil {
			return nil, err
		}
		_, err = Owns(p, u)
		return p, err
	}
	p, _, err := h.Claims().Owner(u, "")
	return p, err
}

// choose is Owner over given claims. Among those of equal right, and nowhere else, the
// user name that the tool sent decides, if one profile alone goes by it (O14).
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

// goesBy reports whether a tool that says this user name can mean the profile.
func goesBy(p *config.Profile, user string) bool {
	return user != "" && (user == p.Username || user == p.ClientID)
}

// toldApart reports whether each of two profiles goes by a user name that the other does
// not go by.
func toldApart(a, b *config.Profile) bool {
	own := func(p, other *config.Profile) bool {
		return goesBy(p, p.Username) && !goesBy(other, p.Username) || goesBy(p, p.ClientID) && !goesBy(other, p.ClientID)
	}
	return own(a, b) && own(b, a)
}

// unowned says that no profile owns the URL, and why the nearest one does not.
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

// blame points at a broken profile where that is the likely cause: its file names
// the host. Otherwise a broken profile only shows in the hint, so that tools can
// still ask about every other host.
func blame(err error, broken []brokenFile, u origin.URL) error {
	e, ok := err.(*protocol.Error)
	if !ok || e.Kind != protocol.ErrNoProfile {
		return err
	}
	for _, b := range broken {
		if b.name == "" || b.names(u) {
			return b.err
		}
	}
	for _, b := range broken {
		if !b.read { // it might own any host
			e.Note = b.err.Error() + "; which hosts it is for is not known"
			break
		}
	}
	if len(broken) > 0 {
		e.Hint = protocol.Unowned(u, broken[0].name).Hint
	}
	return e
}

// Owns is the profile's origin that u belongs to. A URL that it does not own is refused
// as Match refuses it.
func Owns(p *config.Profile, u origin.URL) (string, error) {
	i, reason := origin.Best(p.Origins, u)
	if reason == origin.Release {
		return p.Origins[i].String(), nil
	}
	e := unowned(u, reason)
	e.Text = "profile " + p.Name + " does not own " + u.String() + ": " + reason.String()
	return "", e
}

// shared is an origin that two profiles claim with equal right (O12).
func shared(a, b *config.Profile) (string, bool) {
	if a.Name == b.Name {
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

// Ambiguous reports each origin that several of the profiles claim with equal right
// (O12), as the protocol.ErrAmbiguous that a request for it gets. apart are those where a
// user name in the request can still choose: two accounts at one host.
func Ambiguous(profiles []*config.Profile) (problems, apart []error) {
	first := map[string]*config.Profile{} // by claim
	for _, c := range claimsOf(profiles) {
		claim := c.origin.Claim()
		switch other := first[claim]; {
		case other == nil:
			first[claim] = c.profile
		case other == c.profile:
		case toldApart(other, c.profile):
			apart = append(apart, ambiguous(other, c))
		default:
			problems = append(problems, ambiguous(other, c))
		}
	}
	return problems, apart
}

// ambiguous says that the profile of c claims what another one claims as well.
func ambiguous(other *config.Profile, c claim) error {
	return &protocol.Error{
		Kind: protocol.ErrAmbiguous,
		Text: "profiles " + other.Name + " and " + c.profile.Name + " both claim " + c.origin.String(),
		Hint: "name the profile, or in git's URL its user name; or give one of them a path in origins: credhelper edit " + c.profile.Name,
	}
}
