//go:build linux

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
)

// nobodys are requests about a host that no profile owns, in every dialect that the front
// answers. The first argument is the dialect's name.
var nobodys = []struct {
	stdin string
	env   string
	args  []string
}{
	{args: []string{"token", "https://github.com/x"}},
	{args: []string{"token", "https://github.com:8443/x", "--refresh"}},
	{args: []string{"header", "http://[2001:db8::1]/", "--format", "curl-config"}},
	{args: []string{"get"}, stdin: `{"uri":"https://github.com/x"}`},
	{args: []string{"get"}, stdin: "protocol=https\nhost=github.com\n\n"},
	{args: []string{"bazel", "get"}, stdin: `{"uri":"https://github.com/x"}`},
	{args: []string{"git", "get"}, stdin: "protocol=https\nhost=github.com\npath=x/y\nusername=me\n\n"},
	{args: []string{"git", "get"}, stdin: "protocol=ssh\nhost=github.com\n\n"},
	{args: []string{"git", "store"}, stdin: "protocol=https\nhost=github.com\nusername=me\npassword=secret\n\n"},
	{args: []string{"git", "erase"}, stdin: "protocol=https\nhost=github.com\nusername=me\npassword=secret\n\n"},
	{args: []string{"docker", "get"}, stdin: "https://index.docker.io/v1/"},
	{args: []string{"docker", "get"}, stdin: "localhost:5000"},
	{args: []string{"docker", "erase"}, stdin: "ghcr.io"},
	{args: []string{"docker", "store"}, stdin: `{"ServerURL":"ghcr.io","Username":"me","Secret":"secret"}`},
	{args: []string{"docker", "list"}},
	{args: []string{"terraform", "get", "registry.example.net"}},
	{args: []string{"terraform", "forget", "registry.example.net"}},
	{args: []string{"kubectl"}, env: `KUBERNETES_EXEC_INFO={"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"cluster":{"server":"https://k8s.example.net:6443"},"interactive":false}}`},
	{args: []string{"goauth", "https://proxy.example.net/x"}, stdin: "HTTP/1.1 404 Not Found\r\n\r\n"},
	{args: []string{"python-keyring", "get", "https://pypi.org/simple/", "me"}},
	{args: []string{"pnpm", "https://registry.npmjs.org/"}},
	{args: []string{"mcp"}, env: "CLAUDE_CODE_MCP_SERVER_URL=https://mcp.example.net/"},
}

// alone returns the home with a front that has no engine to execute.
func alone(t *testing.T, h *program.Home) *program.Home {
	t.Helper()
	dir := t.TempDir()
	front, err := os.ReadFile(filepath.Join(bin, "credhelper"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "credhelper"), front, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	only := *h
	only.Bin = dir
	return &only
}

// TestUnownedByTheFront: about a host that no profile owns, the front answers in every
// dialect exactly what the engine answers, byte for byte, with and without an invalid
// profile.
func TestUnownedByTheFront(t *testing.T) {
	h := warmHome(t, newServer(t))
	front := alone(t, h)
	asked := map[string]bool{}
	for _, broken := range []string{"", "client_id = \n"} {
		if broken != "" {
			writeProfile(t, h, "broken", broken)
		}
		for _, c := range nobodys {
			asked[c.args[0]] = true
			say := func(h *program.Home) result {
				cmd := h.Command(c.args...)
				cmd.Stdin = strings.NewReader(c.stdin)
				if c.env != "" {
					cmd.Env = append(cmd.Env, c.env)
				}
				r := finish(t, cmd)
				r.took = 0 // not what is compared
				return r
			}
			forgetHosts(t, h)
			want := say(h)
			index(t, h)
			if got := say(front); got != want {
				t.Errorf("%v, a broken profile %q: the front says %+v, the engine %+v", c.args, broken, got, want)
			}
		}
	}
	for _, d := range protocol.Dialects {
		if d.Front && !asked[d.Name] {
			t.Errorf("%s is not asked", d.Name)
		}
	}
}

// index makes the engine look at all profiles once the stamps of their directories are
// trusted.
func index(t *testing.T, h *program.Home) {
	t.Helper()
	settle()
	forgetHosts(t, h)
	if r := finish(t, h.Command("token", "https://nobody.example")); r.code != 3 {
		t.Fatalf("%+v", r)
	}
}

func forgetHosts(t *testing.T, h *program.Home) {
	t.Helper()
	for _, name := range []string{"hosts", "hosts-buckets"} {
		if err := os.Remove(filepath.Join(h.Dirs.Run(), name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

func writeProfile(t *testing.T, h *program.Home, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.Dirs.Profiles(), name+".toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUnownedIsTheEnginesDoubt: the front does not answer about a host that a profile may
// own: a new or broken profile names it, a profile owns another port of it, or a file cannot
// be read.
func TestUnownedIsTheEnginesDoubt(t *testing.T) {
	h := warmHome(t, newServer(t))
	front := alone(t, h)
	const handsOver = 9 // and finds no engine
	ask := func(address string) int { return finish(t, front.Command("token", address)).code }
	index(t, h)
	for address, want := range map[string]int{
		"https://new.example.net":       3,
		"https://api.example.com:8443":  handsOver,
		"http://api.example.com":        handsOver,
		"https://other.api.example.com": 3,
	} {
		if code := ask(address); code != want {
			t.Errorf("%s: exit %d, want %d", address, code, want)
		}
	}
	writeProfile(t, h, "new", "origins = [\"https://new.example.net\", \"https://*.wild.example.net\"]\n")
	if code := ask("https://new.example.net"); code != handsOver {
		t.Errorf("a profile dropped in: exit %d", code)
	}
	index(t, h)
	for address, want := range map[string]int{
		"https://new.example.net":      handsOver, // it is broken, and says so
		"https://a.wild.example.net":   handsOver,
		"https://a.b.wild.example.net": handsOver,
		"https://github.com":           3,
	} {
		if code := ask(address); code != want {
			t.Errorf("%s: exit %d, want %d", address, code, want)
		}
	}
	if r := finish(t, h.Command("token", "https://new.example.net")); r.code != 9 || !strings.Contains(r.stderr, "new.toml") {
		t.Errorf("a broken profile's host: %+v", r)
	}
	if err := os.Symlink("/nonexistent", filepath.Join(h.Dirs.Profiles(), "gone.toml")); err != nil {
		t.Fatal(err)
	}
	index(t, h)
	if code := ask("https://github.com"); code != handsOver {
		t.Errorf("a file that cannot be read: exit %d", code)
	}
}
