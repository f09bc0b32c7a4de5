package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
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
	way := &config.Profile{Name: p.Name, Proxy: p.Proxy, Timeout: sourceTime}
	client := &oauth.Client{Now: ss.config.Now, Timeout: sourceTime}
	var err error
	if client.HTTP, err = ss.connection(way, noCertificate); err != nil {
		return nil, err
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	if reason := oauth.BadEndpoint(address); reason != "" {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: keyring.GitHubURL + " " + reason}
	}
	ss.explain("profile " + p.Name + ": asks the job's runner for an ID token")
	d, err := client.Ask(ctx, http.MethodGet, address+separator+"audience="+url.QueryEscape(audience), [][2]string{{"Authorization", "Bearer " + token.Reveal()}}, nil)
	if err != nil {
		return nil, unanswered(err, p.Name)
	}
	value, _ := d.JSON.Get("value")
	id, err := value.Text()
	if d.Status != http.StatusOK || err != nil || id == "" {
		return nil, &protocol.Error{Kind: protocol.ErrLocked, Text: printable.Line("the runner gives no ID token: " + strconv.Itoa(d.Status)),
			Hint: "has the job the permission id-token: write, and is it still running?"}
	}
	return []byte(id), nil
}
