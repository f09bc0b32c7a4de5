package server

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// apiTime is the time limit of one request to an API server. What waits for it usually
// ends earlier.
const apiTime = 6 * time.Second

// askKubernetes returns how the API server of a pool's Secret is asked, without a proxy.
func (ss *Servers) askKubernetes(c config.Pool, token secret.Text) (Asker, error) {
	base, err := ss.cluster(c)
	if err != nil {
		return nil, err
	}
	if !secret.ValidToken(token.Reveal(), true) {
		return nil, protocol.Policy("auth: what is there is no token")
	}
	roots, err := readCA(c.CAFile)
	if err != nil {
		return nil, err
	}
	client := &oauth.Client{Now: ss.config.Now, Timeout: apiTime}
	if client.HTTP, err = ss.config.HTTP(oauth.HTTPOptions{RootsPEM: roots}); err != nil {
		return nil, protocol.Policy("ca_file: " + err.Error())
	}
	if t, ok := client.HTTP.Transport.(*http.Transport); ok { // a token of the pool takes several requests
		t.DisableKeepAlives, t.IdleConnTimeout = false, apiTime
	}
	ss.config.Explain("pool " + c.Name + ": asks " + base + " for the Secret " + c.Path)
	return func(ctx context.Context, method, path string, headers [][2]string, body []byte) (oauth.Document, error) {
		headers = append(headers, [2]string{"Authorization", "Bearer " + token.Reveal()})
		d, err := client.Ask(ctx, method, base+path, headers, body)
		if err != nil {
			return d, storeError(err)
		}
		return d, nil
	}, nil
}

// cluster returns the address of the API server: the pool's, or that of the pod's cluster.
func (ss *Servers) cluster(c config.Pool) (string, error) {
	if c.Address != nil {
		return strings.TrimSuffix(c.Address.String(), "/"), nil
	}
	host := ss.config.Env("KUBERNETES_SERVICE_HOST")
	if host == "" {
		return "", &protocol.Error{Kind: protocol.ErrPolicy, Text: "this is no pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set",
			Hint: "elsewhere address of [pool." + c.Name + "] in config.toml names the API server, and auth its token"}
	}
	base := "https://" + net.JoinHostPort(host, cmp.Or(ss.config.Env("KUBERNETES_SERVICE_PORT"), "443"))
	u, err := url.Parse(base)
	if problem := oauth.BadEndpoint(base); problem != "" || err != nil || u.Path+u.RawQuery != "" {
		return "", protocol.Policy("KUBERNETES_SERVICE_HOST " + cmp.Or(problem, "or KUBERNETES_SERVICE_PORT holds a path or query"))
	}
	return base, nil
}
