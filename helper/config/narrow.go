package config

import (
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Narrow returns the profile as a request leaves it: with some of its scopes, or with
// another of its audiences. Its token has another binding; its secret has the same one.
// Anything that the profile does not list is refused.
func (p *Profile) Narrow(n protocol.Narrowing) (*Profile, error) {
	if what := p.fixed(n); what != "" {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + p.Name + ": its " + what + " cannot be narrowed: it is not sent with grant " + p.Grant}
	}
	own := *p
	if n.Scope != "" {
		scopes := strings.Fields(n.Scope)
		for _, s := range scopes {
			if !slices.Contains(p.Scopes, s) {
				return nil, p.tooWide("scope", s, "scopes", p.Scopes)
			}
		}
		own.Scopes, own.leftOut = nil, nil
		for _, s := range p.Scopes {
			if slices.Contains(scopes, s) {
				own.Scopes = append(own.Scopes, s)
			} else {
				own.leftOut = append(own.leftOut, s)
			}
		}
	}
	if n.Audience != "" && n.Audience != p.Audience {
		if !slices.Contains(p.Audiences, n.Audience) {
			return nil, p.tooWide("audience", n.Audience, "audiences", p.Audiences)
		}
		own.Audience = n.Audience
	}
	return &own, nil
}

// fixed returns which part of a narrowing would have no effect, because a token is made
// without it: a client that signs its own, another program that gives one, or an assertion
// that somebody else signed.
func (p *Profile) fixed(n protocol.Narrowing) string {
	grant, _ := oauth.FindGrant(p.Grant)
	made, claim := grant.Make != nil, p.Assertion.ScopeClaim
	switch {
	case n.Scope != "" && (made && (grant.Clientless || !claim) || p.From != nil && claim):
		return "scope"
	case n.Audience != "" && made && (grant.Clientless || p.Assertion.Audience != ""):
		return "audience"
	}
	return ""
}

// tooWide is the error for what a request asks for and the profile does not list.
func (p *Profile) tooWide(what, asked, key string, listed []string) error {
	list := "the profile lists none"
	if len(listed) > 0 {
		list = "the profile lists " + strings.Join(listed, ", ")
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Line("profile " + p.Name + ": " + what + " " + printable.Value(asked) + " is not one of its " + key + ": " + list),
		Hint: "a call can only ask for less; to allow more: credhelper edit " + p.Name}
}
