package wiring

import (
	"net/url"
	"strings"
)

// The tools below can call no helper. They use the door (docs/door.md): those that run for
// long are guests of credhelper proxy, and those that a person starts have a door of their
// own, which ends with them.

// doorURL returns an address of the door: that of the API, or of the token endpoint, at
// the path that it has at the profile's server.
func (p *Place) doorURL(token bool) string {
	if p.profile == nil {
		return p.door
	}
	at := p.profile.URL
	if token {
		at = p.profile.TokenURL
	}
	u, err := url.Parse(at)
	if err != nil {
		return p.door
	}
	return p.door + strings.TrimSuffix(u.EscapedPath(), "/")
}

// guestOf returns the name of the guest that a tool is.
func (p *Place) guestOf(tool string) string { return p.name + "-" + tool }

func notePrometheus(p *Place) (Plan, error) {
	guest := p.guestOf("prometheus")
	_, target, _ := strings.Cut(p.door, "://")
	return Plan{about: "Prometheus scrapes through credhelper proxy, which adds the token", shell: `credhelper lend ` + p.name + ` --to ` + guest + ` --method GET --secret-file ` + guest + `.secret
# what prometheus.yml already has under scrape_configs goes together with this
cat >> prometheus.yml <<'END'
scrape_configs:
  - job_name: ` + p.name + `
    metrics_path: ` + quoted(strings.TrimPrefix(p.doorURL(false), p.door)+"/metrics") + `
    static_configs:
      - targets: ["` + target + `"]
    oauth2:
      token_url: ` + quoted(p.doorURL(true)) + `
      client_id: lend-` + guest + `
      client_secret_file: ` + guest + `.secret
END
# if it runs as another user, lend with --user USER, and give that user the file
`}, nil
}

// noteKafka writes the secret into the properties: librdkafka reads it from no other file.
// It reads the token as a JWT.
func noteKafka(p *Place) (Plan, error) {
	guest := p.guestOf("kafka")
	return Plan{about: "librdkafka asks credhelper proxy for the token of its brokers", shell: `credhelper lend ` + p.name + ` --to ` + guest + ` --token real --secret-file ` + guest + `.secret
( umask 077 && { cat <<'END'
security.protocol=SASL_SSL
sasl.mechanisms=OAUTHBEARER
sasl.oauthbearer.method=oidc
sasl.oauthbearer.token.endpoint.url=` + p.doorURL(true) + `
sasl.oauthbearer.client.id=lend-` + guest + `
END
printf 'sasl.oauthbearer.client.secret=%s\n' "$(cat ` + guest + `.secret)"; } > ` + guest + `.properties )
`}, nil
}

func noteBruno(p *Place) (Plan, error) {
	return Plan{about: "Bruno asks a door of its own for the token; its requests begin with {{process.env.API_BASE_URL}}", shell: `cat >> collection.bru <<'END'
auth {
  mode: oauth2
}

auth:oauth2 {
  grant_type: client_credentials
  access_token_url: {{process.env.OAUTH_TOKEN_URL}}
  client_id: {{process.env.OAUTH_CLIENT_ID}}
  client_secret: {{process.env.OAUTH_CLIENT_SECRET}}
  credentials_placement: basic_auth_header
  credentials_id: credentials
  token_placement: header
  token_header_prefix: Bearer
  auto_fetch_token: true
}
END
credhelper exec ` + p.name + ` --door -- bru run
`}, nil
}

// noteNewman gives the variables in a file that is a pipe: as an option they would be in
// argv. Newman cannot ask for a token (newman#2996), so the API side of the door is used.
func noteNewman(p *Place) (Plan, error) {
	return Plan{about: "Newman sends its requests through a door of its own: the collection has {{url}}, and Basic Auth with {{id}} and {{secret}}", shell: `credhelper exec ` + p.name + ` --door -- bash -c '
newman run collection.json --environment <(
  printf "{\"values\": [{\"key\": \"url\", \"value\": \"%s\"}, {\"key\": \"id\", \"value\": \"%s\"}, {\"key\": \"secret\", \"value\": \"%s\"}]}" \
    "$API_BASE_URL" "$OAUTH_CLIENT_ID" "$OAUTH_CLIENT_SECRET")'
`}, nil
}

func notePostman(p *Place) (Plan, error) {
	guest := p.guestOf("postman")
	return Plan{about: "Postman asks credhelper proxy for the token; lend shows the secret, once", shell: `credhelper lend ` + p.name + ` --to ` + guest + `
# in the collection's tab Authorization:
#   Type                   OAuth 2.0
#   Grant type             Client Credentials
#   Access Token URL       ` + p.doorURL(true) + `
#   Client ID              lend-` + guest + `
#   Client Secret          from above; as a variable of Postman's vault, it stays on this machine
#   Client Authentication  Send as Basic Auth header
# and the address of its requests is ` + p.doorURL(false) + `
`}, nil
}

// noteMCPProxy is for clients of MCP that can neither run a helper nor read a header from
// elsewhere: they start mcp-remote, in a door of its own, which reads the variable itself.
func noteMCPProxy(p *Place) (Plan, error) {
	type server struct {
		Command string   `json:"command"`
		Args    []string `json:"args"`
	}
	// Only a shell puts the address, which is another one each time, among the arguments.
	words := append(strings.Fields("exec "+p.name+" --door -- sh -c"),
		`exec npx -y mcp-remote "$API_BASE_URL" --header 'Authorization: Bearer ${OAUTH_CLIENT_SECRET}'`)
	entry := map[string]any{"mcpServers": map[string]any{p.name: server{p.credhelper, words}}}
	return Plan{about: "an MCP server for clients that can start a program, but run no helper", shell: jsonText(entry, "") + "\n"}, nil
}
