package helper

import (
	"crypto/tls"
	"net/http"

	"github.com/credhelper/credhelper/helper/oauth"
)

// client is the profile as package oauth needs it, without secret and connection.
func (p *Profile) client() *oauth.Client {
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
		Timeout:          networkTime(or(p.Timeout, answerTime)),
		Assertion:        p.Assertion,
		Use:              p.Exchange,
	}
}

// connection makes the client for the profile's endpoints and probe. It shows the
// given certificates to whoever asks for one (RFC 8705).
func (h *Helper) connection(p *Profile, shown tls.Certificate) (*http.Client, error) {
	client, err := h.config.HTTP(oauth.HTTPOptions{RootsPEM: p.CA, Proxy: h.proxy(p), Certificate: shown, Connect: or(p.Timeout, answerTime) / 2})
	if err != nil {
		return nil, about(p.Name, err, "")
	}
	return client, nil
}
