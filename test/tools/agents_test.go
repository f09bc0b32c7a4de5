//go:build tools

package tools

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// Clients that are not installed for these tests, because they need an account with their
// vendors. What setup writes for them is read as they read it, and the command in it is run
// as they run it (docs/dialects/mcp.md and others.md); the headers then go to a server that
// demands the token.

// written reads a configuration that setup wrote.
func (w *world) written(name string, into any, read func([]byte, any) error) {
	w.t.Helper()
	content, err := os.ReadFile(w.home + "/" + name)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := read(content, into); err != nil {
		w.t.Fatalf("%s: %v\n%s", name, err, content)
	}
}

// send makes a request with these headers.
func (w *world) send(url string, headers map[string]string) (status int) {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer, err := trusting().Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func agentServer() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "{}") })
}

// TestMCPHeadersHelper: a headersHelper runs through the shell, with the server's URL in a
// variable; its stdout is an object of strings. The same command gives nothing to a server
// from somebody else's repository (O14).
func TestMCPHeadersHelper(t *testing.T) {
	w := newWorld(t)
	site, stranger := w.site("Bearer", agentServer()), w.stranger("Bearer", agentServer())
	w.profile("work", site.URL)
	w.setup("mcp", "work")
	var config struct {
		MCPServers map[string]struct{ Type, URL, HeadersHelper string }
	}
	w.written(".claude.json", &config, json.Unmarshal)
	server := config.MCPServers["work"]
	if server.Type != "http" || server.URL != site.URL {
		t.Errorf("the server is %+v", server)
	}
	run := func(url string) result {
		return w.run(with("CLAUDE_CODE_MCP_SERVER_NAME=work", "CLAUDE_CODE_MCP_SERVER_URL="+url), "sh", "-c", server.HeadersHelper)
	}
	var headers map[string]string
	r := run(server.URL)
	if err := json.Unmarshal([]byte(r.stdout), &headers); err != nil || r.code != 0 || r.stderr != "" {
		t.Fatalf("%v: %+v", err, r)
	}
	if status := w.send(server.URL, headers); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	site.served(t)
	if r := run(stranger.URL); r.code == 0 || r.stdout != "" {
		t.Errorf("another server: exit %d, %d bytes", r.code, len(r.stdout))
	}
	w.requests(1)
}

// TestAgentsKeys: apiKeyHelper, run through the shell, and a model provider's command with
// arguments: the bare token, on one line, within their time limits.
func TestAgentsKeys(t *testing.T) {
	w := newWorld(t)
	site := w.site("Bearer", agentServer())
	w.profile("work", site.URL)
	w.setup("claude", "work")
	w.setup("codex", "work")
	var claude struct{ APIKeyHelper string }
	w.written(".claude/settings.json", &claude, json.Unmarshal)
	var codex struct {
		Providers map[string]struct {
			URL  string `toml:"base_url"`
			Auth struct {
				Command string
				Args    []string
				Timeout int `toml:"timeout_ms"`
			}
		} `toml:"model_providers"`
	}
	w.written(".codex/config.toml", &codex, toml.Unmarshal)
	provider := codex.Providers["work"]
	if provider.URL != site.URL || provider.Auth.Timeout != 5000 {
		t.Errorf("the provider is %+v", provider)
	}
	for name, argv := range map[string][]string{
		"claude": {"sh", "-c", claude.APIKeyHelper},
		"codex":  append([]string{provider.Auth.Command}, provider.Auth.Args...),
	} {
		token, ok := strings.CutSuffix(w.ok(nil, argv...), "\n")
		if !ok || strings.ContainsAny(token, " \n") {
			t.Errorf("%s: not one word on one line", name)
		}
		if status := w.send(site.URL, map[string]string{"Authorization": "Bearer " + token}); status != http.StatusOK {
			t.Errorf("%s: status %d", name, status)
		}
	}
	site.served(t)
	w.requests(1)
}

// TestRestishTool: Restish runs its tool for each request, with the request as JSON on
// stdin, and adds the headers of the answer, whose values it takes as lists.
func TestRestishTool(t *testing.T) {
	w := newWorld(t)
	site, stranger := w.site("Bearer", agentServer()), w.stranger("Bearer", agentServer())
	w.profile("work", site.URL)
	_, entry, _ := strings.Cut(w.printed("restish", "work"), "\n")
	var config map[string]struct {
		Base     string
		Profiles map[string]struct {
			Auth struct {
				Name   string
				Params map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(entry), &config); err != nil {
		t.Fatalf("%v:\n%s", err, entry)
	}
	api := config["work"]
	auth := api.Profiles["default"].Auth
	if api.Base != site.URL || auth.Name != "external-tool" || auth.Params["omitbody"] != "true" {
		t.Fatalf("the entry is %+v", api)
	}
	ask := func(url string) result {
		request := `{"method":"POST","uri":"` + url + `/items","headers":{"Accept":["application/json"]}}`
		return w.run(input(request), "sh", "-c", auth.Params["commandline"])
	}
	var answer struct{ Headers map[string][]string }
	if r := ask(site.URL); json.Unmarshal([]byte(r.stdout), &answer) != nil || len(answer.Headers["Authorization"]) != 1 {
		t.Fatalf("%+v", r)
	}
	if status := w.send(site.URL+"/items", map[string]string{"Authorization": answer.Headers["Authorization"][0]}); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	site.served(t)
	if r := ask(stranger.URL); r.code == 0 || r.stdout != "" {
		t.Errorf("another host: %+v", r)
	}
	w.requests(1)
}
