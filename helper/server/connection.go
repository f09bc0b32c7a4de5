package server

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
)

// AnswerTime is the time limit of every answer to a tool: Bazel stops waiting after 10
// s.
const AnswerTime = 8 * time.Second

// networkTime returns how much of an answer's time the requests to the server may take
// in all; the rest is for lock and keyring.
func networkTime(answer time.Duration) time.Duration { return max(answer-2*time.Second, answer*3/4) }

// client returns the profile as an oauth.Client, without secret and connection.
func (ss *Servers) client(p *config.Profile) *oauth.Client {
	client := p.Client()
	client.Now, client.Sleep = ss.config.Now, ss.config.Sleep
	client.Timeout = networkTime(cmp.Or(p.Timeout, AnswerTime))
	return client
}

// connection returns the HTTP client for the profile's endpoints and probe. It presents
// the given certificates on request (RFC 8705).
func (ss *Servers) connection(p *config.Profile, shown tls.Certificate) (*http.Client, error) {
	client, err := ss.config.HTTP(oauth.HTTPOptions{RootsPEM: p.CA, Proxy: ss.proxy(p), Certificate: shown, Connect: cmp.Or(p.Timeout, AnswerTime) / 2})
	if err != nil {
		return nil, failure.About(p.Name, err, "")
	}
	return client, nil
}
