package config

import (
	"strings"

	"github.com/credhelper/credhelper/helper/oauth"
)

// Client returns the profile as an oauth.Client, without secret, clock, connection and
// time limit.
func (p *Profile) Client() *oauth.Client {
	return &oauth.Client{
		TokenURL:         p.TokenURL,
		ID:               p.ClientID,
		Grant:            p.Grant,
		Auth:             p.ClientAuth,
		RawBasic:         p.RawBasic,
		Scopes:           p.Scopes,
		LeftOut:          p.leftOut,
		Audience:         p.Audience,
		Resource:         p.Resource,
		Params:           p.Params,
		AllowMissingType: p.AllowMissingTokenType,
		AllowForm:        p.AllowFormReply,
		AllowTypes:       p.AllowTokenTypes,
		Headers:          p.RequestHeaders,
		WideToken:        p.WideToken,
		RequireScopes:    p.RequireScopes,
		DefaultTTL:       p.DefaultTTL,
		MaxTTL:           p.MaxTTL,
		Assertion:        p.Assertion,
		Use:              p.Exchange,
	}
}

// Hint returns the advice for a failed token request of the profile, from its preset or
// from those for all servers; "" if there is none.
func (p *Profile) Hint(e *oauth.Error) string {
	var hints []oauth.Hint
	if p.preset != nil {
		for _, h := range p.preset.Hints {
			hints = append(hints, oauth.Hint{Status: h.Status, Code: h.Code, AADSTS: h.AADSTS, Text: h.Say})
		}
	}
	return oauth.HintFor(e, p.Name, hints)
}

// ProbeHint returns the preset's advice for a response to the probe.
func (p *Profile) ProbeHint(status int, message string) string {
	if p.preset == nil {
		return ""
	}
	for _, h := range p.preset.ProbeHints {
		if (h.Status == 0 || h.Status == status) && strings.Contains(message, h.Text) {
			return strings.ReplaceAll(h.Say, "{profile}", p.Name)
		}
	}
	return ""
}
