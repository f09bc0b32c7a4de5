package helper

import (
	"cmp"
	"crypto/tls"
	"net/http"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
)

// client returns the profile as an oauth.Client, without secret and connection.
func (h *Helper) client(p *config.Profile) *oauth.Client {
	client := p.Client()
	client.Now, client.Sleep = h.config.Now, h.config.Sleep
	client.Timeout = networkTime(cmp.Or(p.Timeout, answerTime))
	return client
}

// connection returns the HTTP client for the profile's endpoints and probe. It presents
// the given certificates on request (RFC 8705).
func (h *Helper) connection(p *config.Profile, shown tls.Certificate) (*http.Client, error) {
	client, err := h.config.HTTP(oauth.HTTPOptions{RootsPEM: p.CA, Proxy: h.proxy(p), Certificate: shown, Connect: cmp.Or(p.Timeout, answerTime) / 2})
	if err != nil {
		return nil, about(p.Name, err, "")
	}
	return client, nil
}
