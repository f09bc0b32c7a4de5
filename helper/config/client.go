package config

import "github.com/credhelper/credhelper/helper/oauth"

// Client is the profile as package oauth needs it, without secret, clock, connection
// and the time that an answer may take.
func (p *Profile) Client() *oauth.Client {
	return &oauth.Client{
		TokenURL:         p.TokenURL,
		ID:               p.ClientID,
		Grant:            p.Grant,
		Auth:             p.ClientAuth,
		RawBasic:         p.RawBasic,
		Scopes:           p.Scopes,
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
