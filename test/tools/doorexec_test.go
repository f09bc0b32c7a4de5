//go:build tools

package tools

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The programs below are started by a person, in a door of their own: credhelper exec
// --door, as setup has it.

// nodeTool makes a command of npm's found, and returns the version that it says.
func (w *world) nodeTool(variable string, version ...string) string {
	w.t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		w.t.Fatalf("%s is not set: run scripts/test-tools", variable)
	}
	w.setenv("PATH="+w.bin+":"+dir+":"+os.Getenv("PATH"), "NO_COLOR=1", "CI=1")
	if version == nil {
		return ""
	}
	return strings.TrimSpace(w.ok(nil, version...))
}

// TestDoorBruno: Bruno's CLI gets a token as its collection says, and sends it to the door.
func TestDoorBruno(t *testing.T) {
	w := newWorld(t)
	site := w.site("Bearer", hello)
	w.profile("work", site.URL)
	t.Log("bru", w.nodeTool("TOOL_BRUNO", "bru", "--version"))
	w.write("bruno.json", `{"version": "1", "name": "door", "type": "collection"}`)
	w.write("x.bru", `meta {
  name: x
  type: http
  seq: 1
}

get {
  url: {{process.env.API_BASE_URL}}/x
  body: none
  auth: inherit
}

assert {
  res.status: eq 200
  res.body: eq hello
}
`)
	t.Log(w.ok(nil, "sh", "-euc", w.printed("bruno", "work")))
	site.served(t)
	w.requests(1)
}

// TestDoorNewman: Newman knows no OAuth 2.0 (newman#2996), and sends id and secret as Basic
// to the door, where the API is.
func TestDoorNewman(t *testing.T) {
	w := newWorld(t)
	site := w.site("Bearer", hello)
	w.profile("work", site.URL)
	t.Log("newman", w.nodeTool("TOOL_NEWMAN", "newman", "--version"))
	w.write("collection.json", `{
  "info": {"name": "door", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
  "auth": {"type": "basic", "basic": [{"key": "username", "value": "{{id}}"}, {"key": "password", "value": "{{secret}}"}]},
  "item": [{
    "name": "x", "request": {"method": "GET", "url": "{{url}}/x"},
    "event": [{"listen": "test", "script": {"exec": ["pm.test('hello', () => { pm.response.to.have.status(200); pm.response.to.have.body('hello'); });"]}}]
  }]
}`)
	t.Log(w.ok(nil, "sh", "-euc", w.printed("newman", "work")))
	site.served(t)
	w.requests(1)
}

// mcpServer is an MCP server over HTTP with one tool.
var mcpServer = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	var message struct {
		ID     *json.RawMessage
		Method string
		Params struct{ ProtocolVersion string }
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&message) != nil {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if message.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	result := `{"tools": [{"name": "demo", "inputSchema": {"type": "object"}}]}`
	if message.Method == "initialize" {
		result = fmt.Sprintf(`{"protocolVersion": %q, "capabilities": {"tools": {}}, "serverInfo": {"name": "demo", "version": "1"}}`, message.Params.ProtocolVersion)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc": "2.0", "id": %s, "result": %s}`, *message.ID, result)
})

// TestDoorMCP: a client of MCP that knows only how to start a program reaches a server that
// demands the token, through mcp-remote.
func TestDoorMCP(t *testing.T) {
	w := newWorld(t)
	site := w.site("Bearer", mcpServer)
	w.profile("work", site.URL)
	w.nodeTool("TOOL_MCPREMOTE")
	var config struct {
		Servers map[string]struct {
			Command string
			Args    []string
		} `json:"mcpServers"`
	}
	printed := strings.Replace(w.printed("mcp-proxy", "work"), "npx -y mcp-remote", "mcp-remote", 1) // the installed one
	_, text, _ := strings.Cut(printed, "\n")
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	server := config.Servers["work"]
	cmd := exec.Command(server.Command, server.Args...)
	cmd.Env, cmd.Dir = w.env, w.home
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = out.(*os.File).SetReadDeadline(time.Now().Add(time.Minute))
	lines := bufio.NewReader(out)
	var last string
	for _, message := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`,
	} {
		fmt.Fprintln(in, message)
		if strings.Contains(message, `"id"`) {
			if last, err = lines.ReadString('\n'); err != nil {
				break
			}
		}
	}
	in.Close()
	_, _ = io.Copy(io.Discard, lines)
	_ = cmd.Wait()
	if !strings.Contains(last, `"demo"`) {
		t.Errorf("%v: the client got %q\n%s", err, last, said.String())
	}
	site.served(t)
	w.requests(1)
}
