package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// toolCall is one call as a tool makes it.
type toolCall struct {
	args  string // separated by spaces
	stdin string
	env   string
}

const (
	execInfo     = `KUBERNETES_EXEC_INFO={"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"cluster":{"server":"https://api.example.com"},"interactive":true}}`
	gitQuestion  = "protocol=https\nhost=api.example.com\n\n"
	gitVerdict   = "protocol=https\nhost=api.example.com\nusername=oauth2\npassword=refused\n\n"
	cargoRequest = `{"v":1,"registry":{"index-url":"sparse+https://api.example.com/"},"kind":"KIND","operation":"read"}` + "\n"
)

func cargoCall(kind string) toolCall {
	return toolCall{args: "cargo --cargo-plugin", stdin: strings.Replace(cargoRequest, "KIND", kind, 1)}
}

// toolCalls are the requests of tools in every dialect, with every operation that needs a
// token or a secret.
var toolCalls = []toolCall{
	{args: "get", stdin: `{"uri":"https://api.example.com/"}`},
	{args: "get", stdin: `{"profile":"me","refresh":true}`},
	{args: "token me"},
	{args: "token me --refresh"},
	{args: "header https://api.example.com/"},
	{args: "reject me", stdin: "refused"},
	{args: "reject me --current"},
	{args: "bazel get", stdin: `{"uri":"https://api.example.com/"}`},
	{args: "git get", stdin: gitQuestion},
	{args: "git erase", stdin: gitVerdict},
	{args: "git store", stdin: gitVerdict},
	{args: "git capability"},
	{args: "docker get", stdin: "api.example.com"},
	{args: "docker erase", stdin: "api.example.com"},
	{args: "docker store", stdin: `{"ServerURL":"api.example.com","Username":"oauth2","Secret":"x"}`},
	{args: "docker list"},
	{args: "terraform get api.example.com"},
	{args: "terraform forget api.example.com"},
	{args: "terraform store api.example.com", stdin: `{"token":"x"}`},
	{args: "kubectl", env: execInfo},
	cargoCall("get"), cargoCall("login"), cargoCall("logout"),
	{args: "goauth https://api.example.com/x"},
	{args: "goauth --profile me https://api.example.com/x", stdin: "HTTP/1.1 401 Unauthorized\r\n\r\n"},
	{args: "python-keyring get https://api.example.com/ oauth2"},
	{args: "python-keyring set https://api.example.com/ oauth2", stdin: "x"},
	{args: "pnpm me"},
	{args: "mcp", env: "CLAUDE_CODE_MCP_SERVER_URL=https://api.example.com/"},
	{args: "serve --stdio", stdin: `{"id":1,"profile":"me"}` + "\n"},
}

// desk is a home with a profile "me" for https://api.example.com, and a browser that leaves
// a file when it is started.
type desk struct {
	t      *testing.T
	home   string
	server *oauthtest.Server
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	server := oauthtest.Start(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "client", Secret: typed}, {ID: "app", Auth: "none"}}})
	d := &desk{t, newHome(t), server}
	for _, name := range []string{"xdg-open", "x-www-browser", "www-browser", "sensible-browser", "firefox", "pinentry"} {
		program := "#!/bin/sh\n: >" + d.opened() + "\nexec curl -s -L -o /dev/null \"$1\"\n"
		if err := os.WriteFile(d.home+"/"+name, []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *desk) opened() string { return d.home + "/opened" }

// environ returns the environment of a person at a desktop: no CI, with DISPLAY and BROWSER.
func (d *desk) environ(more string) []string {
	return []string{"PATH=" + d.home + ":" + bin + ":/usr/bin:/bin", "DISPLAY=:0", "BROWSER=" + d.home + "/xdg-open", more}
}

// must runs a command of the person's, with a text on stdin.
func (d *desk) must(stdin string, args ...string) {
	d.t.Helper()
	cmd := exec.Command(bin+"/credhelper", args...)
	cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + d.home, "CREDHELPER_HOME=" + d.home, "CREDHELPER_ETC=none", "CI=1"}
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("credhelper %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (d *desk) add(more ...string) {
	d.t.Helper()
	d.must(typed, append([]string{"add", "me", "--preset", "oauth2", "--url", "https://api.example.com",
		"--set", "token_url=" + d.server.TokenURL(), "--no-verify"}, more...)...)
}

func (d *desk) addWithSecret() { d.add("--client-id", "client", "--secret-stdin") }

// runs makes one call on a terminal: stderr is the controlling terminal, stdin is the tool's
// pipe. It returns what the terminal showed.
func (d *desk) runs(c toolCall) string {
	d.t.Helper()
	p := seat(d.t, d.home, d.environ(c.env), func(cmd *exec.Cmd, _ *os.File) { cmd.Stdin = strings.NewReader(c.stdin) }, strings.Fields(c.args)...)
	p.ends() // by itself, since nobody types
	if !p.echoes() {
		d.t.Errorf("%s: the terminal does not echo", c.args)
	}
	return p.screen.String()
}

// TestToolsAreNeverAsked (T27): on a terminal of a desktop, no call of a tool prompts or
// opens a browser, whatever is missing. A prompt would not end its line and would not begin
// as a message does, and a call that waits for an answer would not end.
func TestToolsAreNeverAsked(t *testing.T) {
	for _, d := range protocol.Dialects {
		if !slices.ContainsFunc(toolCalls, func(c toolCall) bool { return strings.Fields(c.args)[0] == d.Name }) {
			t.Errorf("dialect %s is not tried", d.Name)
		}
	}
	for _, c := range []struct {
		name  string
		setUp func(d *desk)
		says  string // for credhelper token me
	}{
		{"nothing is set up", func(*desk) {}, "no profile me"},
		{"the secret is there", (*desk).addWithSecret, ""},
		{"the keyring is locked", func(d *desk) {
			d.addWithSecret()
			d.must("one two three\n", "keyring", "passphrase", "--secret-stdin")
			d.must("", "cache", "clear")
		}, "locked"},
		{"the secret is not stored", func(d *desk) { d.addWithSecret(); d.must("", "cache", "clear"); d.loseSecret() }, "no secret"},
		{"nobody is signed in", func(d *desk) {
			d.must("", "keyring", "use", "file")
			d.add("--client-id", "app", "--set", "grant=authorization_code", "--set", "client_auth=none",
				"--set", "authorization_url="+d.server.URL()+"/authorize")
		}, "nobody is signed in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			c.setUp(d)
			if said := d.runs(toolCall{args: "token me"}); !strings.Contains(said, c.says) || (said == "") != (c.says == "") {
				t.Fatalf("another state than was meant: %q", said)
			}
			for _, call := range toolCalls {
				for line := range strings.Lines(d.runs(call)) {
					if !strings.HasSuffix(line, "\n") || !isMessage(line) {
						t.Errorf("%s asked: %q", call.args, line)
					}
				}
				if _, err := os.Stat(d.opened()); err == nil {
					t.Fatalf("%s started a browser", call.args)
				}
			}
			if n := d.server.Count(); (n > 0) != (c.says == "") {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

// isMessage reports whether a line of a terminal is an error, or the hint below it, which
// says what to type.
func isMessage(line string) bool {
	return strings.HasPrefix(line, "credhelper: ") || strings.Contains(line, ": credhelper ")
}

// loseSecret removes the file keyring's secrets.
func (d *desk) loseSecret() {
	d.t.Helper()
	if err := os.RemoveAll(d.home + "/data/keyring"); err != nil {
		d.t.Fatal(err)
	}
}

// TestAPersonIsAsked: in the situations of TestToolsAreNeverAsked, a person's commands do
// prompt and open a browser.
func TestAPersonIsAsked(t *testing.T) {
	d := newDesk(t)
	d.must("", "keyring", "use", "file")
	d.add("--client-id", "app", "--set", "grant=authorization_code", "--set", "client_auth=none",
		"--set", "authorization_url="+d.server.URL()+"/authorize")
	d.runs(toolCall{args: "login me"})
	if _, err := os.Stat(d.opened()); err != nil {
		t.Error("no browser was started")
	}
	d.must("one two three\n", "keyring", "passphrase", "--secret-stdin")
	p := sit(t, d.home, "unlock")
	p.see("Passphrase of the keyring: ")
	if isMessage(p.screen.String()) {
		t.Errorf("a prompt looks like a message: %q", p.screen.String())
	}
}
