package server

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
)

// AnswerTime is the time limit of every answer to a tool: Bazel stops waiting after 10
// s.
const AnswerTime = 8 * time.Second

// NetworkTime returns how much time the requests of the profile may take in all.
func NetworkTime(p *config.Profile) time.Duration {
	return networkTime(cmp.Or(p.Timeout, AnswerTime))
}

// networkTime returns how much of an answer's time the requests to the server may take
// in all; the rest is for lock and keyring.
func networkTime(answer time.Duration) time.Duration { return max(answer-2*time.Second, answer*3/4) }

// client returns the profile as an oauth.Client, without secret and connection.
func (ss *Servers) client(p *config.Profile) *oauth.Client {
	client := p.Client()
	client.Now, client.Sleep = ss.config.Now, ss.config.Sleep
	client.Timeout = NetworkTime(p)
	return client
}

// readCA reads a CA file, if there is one.
func readCA(path string) (roots []byte, err error) {
	if path == "" {
		return nil, nil
	}
	if roots, err = configfile.Read(path, 1<<20); err != nil {
		return nil, protocol.Policy("ca_file: " + err.Error())
	}
	return roots, nil
}

// connection returns the HTTP client for the profile's endpoints and probe. It presents
// the given certificates on request (RFC 8705).
func (ss *Servers) connection(p *config.Profile, cert tls.Certificate) (*http.Client, error) {
	client, err := ss.config.HTTP(oauth.HTTPOptions{RootsPEM: p.CA, Proxy: ss.proxy(p), Certificate: cert, Connect: cmp.Or(p.Timeout, AnswerTime) / 2})
	if err != nil {
		return nil, failure.About(p.Name, err, "")
	}
	return client, nil
}
