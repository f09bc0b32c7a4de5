package server

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// readGitHub asks the runner of a GitHub or Forgejo Actions job for an ID token. It lives
// for some minutes, so a job that runs for hours needs another one at each fetch.
//
// Source: GitHub's page "OpenID Connect reference", "Methods for requesting the OIDC token".
func (ss *Servers) readGitHub(ctx context.Context, p *config.Profile, audience string) ([]byte, error) {
	address, token := ss.config.Env(keyring.GitHubURL), secret.New(ss.config.Env(keyring.GitHubToken))
	if address == "" || token.IsZero() {
		return nil, &protocol.Error{Kind: protocol.ErrLocked, Text: "this is no job that may ask for an ID token (" + keyring.GitHubURL + " and " + keyring.GitHubToken + " are not set)",
			Hint: "give the job the permission: permissions: { id-token: write }"}
	}
	if !secret.ValidToken(token.Reveal(), true) {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: keyring.GitHubToken + " is no token"}
	}
	client, err := ss.sourceClient(&config.Profile{Name: p.Name, Proxy: p.Proxy})
	if err != nil {
		return nil, err
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	if reason := oauth.BadEndpoint(address); reason != "" {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: keyring.GitHubURL + " " + reason}
	}
	client.Secret = token
	ss.config.Explain("profile " + p.Name + ": asks the job's runner for an ID token")
	d, err := client.Ask(ctx, http.MethodGet, address+separator+"audience="+url.QueryEscape(audience), [][2]string{{"Authorization", "Bearer " + token.Reveal()}}, nil)
	if err != nil {
		return nil, unanswered(err, p.Name)
	}
	if id, err := d.JSON.At("value").Text(); d.Status == http.StatusOK && err == nil && secret.ValidToken(id, true) {
		return []byte(id), nil
	}
	e := &protocol.Error{Kind: protocol.ErrLocked, Text: "the runner gives no ID token: " + strconv.Itoa(d.Status), Hint: "is " + keyring.GitHubURL + " the runner's, and does it work?"}
	switch {
	case d.Target != "":
		e.Text += ", a redirect to " + d.Target + ", which is not followed"
	case d.Status == http.StatusOK:
		e.Text += ": " + cmp.Or(d.Fault, "its answer has none")
	case d.Status < 500 && d.Status != http.StatusTooManyRequests:
		e.Hint = "has the job the permission id-token: write, and is it still running?"
	}
	return nil, e
}
