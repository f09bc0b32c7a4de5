package helper

import (
	"crypto/tls"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpproxy"

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
		WideToken:        p.WideToken,
		RequireScopes:    p.RequireScopes,
		DefaultTTL:       p.DefaultTTL,
		MaxTTL:           p.MaxTTL,
		Assertion:        p.Assertion,
		Use:              p.Exchange,
	}
}

// connection makes the client for the profile's endpoints and probe. It shows the
// given certificates to whoever asks for one (RFC 8705).
func (h *Helper) connection(p *Profile, shown ...tls.Certificate) (*http.Client, error) {
	client, err := h.config.HTTP(oauth.HTTPOptions{RootsPEM: p.CA, Proxy: h.proxy(p), Certificates: shown})
	if err != nil {
		return nil, about(p.Name, err, "")
	}
	return client, nil
}

// proxy is the profile's own, or the environment's (A6).
func (h *Helper) proxy(p *Profile) func(*http.Request) (*url.URL, error) {
	switch p.Proxy {
	case "none":
		return nil
	case "":
		either := func(upper, lower string) string { return or(h.env(upper), h.env(lower)) }
		config := httpproxy.Config{
			HTTPSProxy: either("HTTPS_PROXY", "https_proxy"),
			HTTPProxy:  either("HTTP_PROXY", "http_proxy"),
			NoProxy:    either("NO_PROXY", "no_proxy"),
		}
		decide := config.ProxyFunc()
		return func(r *http.Request) (*url.URL, error) { return decide(r.URL) }
	}
	fixed, err := url.Parse(p.Proxy)
	return func(*http.Request) (*url.URL, error) { return fixed, err }
}

// ProxyName says which proxy the token endpoint is asked through, without user
// and password; "" if none.
func (h *Helper) ProxyName(p *Profile) string {
	decide := h.proxy(p)
	r, err := http.NewRequest(http.MethodPost, p.TokenURL, nil)
	if decide == nil || err != nil {
		return ""
	}
	u, err := decide(r)
	if err != nil || u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
