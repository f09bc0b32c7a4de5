package helper

import (
	"cmp"
	"crypto/tls"
	"net/http"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
)

// client is the profile as package oauth needs it, without secret and connection.
func (h *Helper) client(p *config.Profile) *oauth.Client {
	client := p.Client()
	client.Now, client.Sleep = h.config.Now, h.config.Sleep
	client.Timeout = networkTime(cmp.Or(p.Timeout, answerTime))
	return client
}

// connection makes the client for the profile's endpoints and probe. It shows the
// given certificates to whoever asks for one (RFC 8705).
func (h *Helper) connection(p *config.Profile, shown tls.Certificate) (*http.Client, error) {
	client, err := h.config.HTTP(oauth.HTTPOptions{RootsPEM: p.CA, Proxy: h.proxy(p), Certificate: shown, Connect: cmp.Or(p.Timeout, answerTime) / 2})
	if err != nil {
		return nil, about(p.Name, err, "")
	}
	return client, nil
}
