package cache

import (
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// This file has the rule for a cache hit: which token is given without a request to the
// server. The front calls Store.Answer. A long-running program keeps the entry of Ready
// for a moment and calls Entry.Answer, as does a fetch before it asks the server.

// Answer returns the credential that the cache has for a request; env returns the
// caller's variables. False means only that the engine has to decide: any doubt is a
// miss. If each use of the token is logged, log writes the line first. If it fails the
// engine decides, except that where the line is required, its error is the answer.
func (s *Store) Answer(r protocol.Request, env func(string) string, now Clock, log func(*Entry) error) (c protocol.Credential, ok bool, err error) {
	profile := s.ProfileOf(r, now)
	if profile == "" {
		return c, false, nil
	}
	e, err := s.Ready(Item{profile, r.Narrowing}, env, now)
	if err != nil || s.askedAgain(r, e, now) {
		return c, false, nil
	}
	answer, ok := e.Answer(r, now)
	if ok && e.Audit {
		if err := log(e); e.Required && err != nil {
			return c, false, err
		} else if err != nil {
			return c, false, nil
		}
	}
	return answer, ok, nil
}

// ProfileOf returns the profile that a request names, or that owns its URL by the
// route at now; "" if there is none.
func (s *Store) ProfileOf(r protocol.Request, now Clock) string {
	if r.Profile != "" {
		return r.Profile
	}
	return s.Owner(r.URL, now)
}

// Ready opens the entry of an item whose token can be given as it is: none of the
// files that it depends on has changed, it is outside its refresh margin, and no API
// refuses it. If the entry has Audit, each use has to be logged first. The token's
// grammar is checked when an answer is built (A16). The error is ErrMiss.
func (s *Store) Ready(item Item, env func(string) string, now Clock) (*Entry, error) {
	e, err := s.Find(item, env)
	if err != nil || e.Rejected || !e.Fresh(now, 0) || !e.Current() {
		return nil, ErrMiss
	}
	return e, nil
}

// askedAgain reports whether a tool that asks again only after a refusal was given this
// token before. A token younger than a minute is assumed to be valid.
func (s *Store) askedAgain(r protocol.Request, e *Entry, now Clock) bool {
	return r.Repeats && r.Asker != "" && s.Asked(e.Profile, r.Asker, now.Unix) == protocol.Mark(e.Token) && !Young(e.Issued, now.Unix)
}

// Answer returns the entry's credential for a request, provided that its token remains
// valid for long enough, is outside the refresh margin, is not the one that the tool
// reports as refused, and may be sent to the URL.
func (e *Entry) Answer(r protocol.Request, now Clock) (protocol.Credential, bool) {
	if r.Refresh || !e.Fresh(now, r.MinTTL) || r.Refused.Of(e.Token) {
		return protocol.Credential{}, false
	}
	if e.ByName && r.Profile == "" { // a route from before led here
		return protocol.Credential{}, false
	}
	claim := 0
	if r.URL != (origin.URL{}) {
		if claim = e.Claim(r.URL); claim < 0 {
			return protocol.Credential{}, false
		}
	}
	c := e.Credential(now)
	if claim < len(e.Origins) {
		c.Origin = e.Origins[claim]
	}
	return c, true
}

// Credential returns the entry's credential, without a particular origin.
func (e *Entry) Credential(now Clock) protocol.Credential {
	c := protocol.Credential{
		Profile:  e.Profile,
		Scheme:   e.Scheme,
		Header:   e.Header,
		Username: e.Username,
		Secret:   e.Token,
		Wide:     e.Wide,
		Expires:  e.Expires,
		Source:   "cache",
		Origins:  e.Origins,
	}
	// An API that answers 404 to many valid requests must not cause a token request for
	// each: such a status says nothing about a new token.
	if now.Unix >= e.Issued+youth {
		c.RefreshOn = e.RefreshOn
	}
	return c
}

// ParseOrigins prepares the entry for the URLs of many requests; false if one of its
// origins cannot be parsed.
func (e *Entry) ParseOrigins() bool {
	parsed, ok := parseOrigins(nil, len(e.Origins), func(i int) string { return e.Origins[i] })
	e.parsed = parsed
	return ok
}

// Claim returns the index of the origin that owns a URL; -1 if none does.
func (e *Entry) Claim(u origin.URL) int {
	if len(e.parsed) > 0 {
		return bestOf(e.parsed, u)
	}
	return best(len(e.Origins), u, func(i int) string { return e.Origins[i] })
}

// best returns the index of the origin that owns the URL, -1 if none does or one of
// them cannot be parsed.
func best(n int, u origin.URL, text func(int) string) int {
	var room [8]origin.Origin
	parsed, ok := parseOrigins(room[:0], n, text)
	if !ok {
		return -1
	}
	return bestOf(parsed, u)
}

// parseOrigins appends n origins to parsed; nil and false if one of them cannot be
// parsed.
func parseOrigins(parsed []origin.Origin, n int, text func(int) string) ([]origin.Origin, bool) {
	for i := range n {
		o, err := origin.Parse(text(i))
		if err != nil {
			return nil, false
		}
		parsed = append(parsed, o)
	}
	return parsed, true
}

func bestOf(parsed []origin.Origin, u origin.URL) int {
	i, reason := origin.Best(parsed, u)
	if reason != origin.Release {
		return -1
	}
	return i
}
