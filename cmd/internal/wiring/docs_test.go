package wiring

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// documented lists which page shows what setup writes, and for which profile. The pages show
// the usual places instead of the test's: /usr/local/bin for credhelper, /home/me/.local/bin
// for links.
var documented = []struct{ page, tool, profile, origin string }{
	{"git", "git", "work", "https://git.example.com"},
	{"docker", "docker", "work", "https://registry.example.com"},
	{"docker", "podman", "work", "https://registry.example.com"},
	{"kubectl", "kubectl", "dev", "https://k8s.example.com:6443"},
	{"cargo", "cargo", "", ""},
	{"terraform", "terraform", "", ""},
	{"terraform", "opentofu", "", ""},
	{"goauth", "goauth", "", ""},
	{"bazel", "bazel", "", ""},
	{"bazel", "bazel", "work", "https://*.cache.example.com"},
	{"keyring", "pip", "", ""},
	{"keyring", "uv", "", ""},
	{"keyring", "pip", "py", "https://pypi.example.com"},
	{"keyring", "uv", "py", "https://pypi.example.com"},
	{"pnpm", "pnpm", "work", "https://npm.example.com"},
	{"mcp", "mcp", "work", "https://mcp.example.com/mcp"},
	{"others", "codex", "work", "https://api.example.com"},
	{"others", "yarn", "work", "https://npm.example.com"},
	{"../door", "prometheus", "work", "https://metrics.example.com"},
	{"../door", "kafka", "work", "https://kafka.example.com"},
}

// TestDocsShowSetup: the pages show what setup writes, line by line, and what they tell
// people to type exists.
func TestDocsShowSetup(t *testing.T) {
	for _, d := range documented {
		page, err := os.ReadFile("../../../docs/dialects/" + d.page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		place := testPlace(t)
		place.name, place.profile, place.credhelper = d.profile, nil, "/usr/local/bin/credhelper"
		place.links = "/home/me/.local/bin"
		if d.profile != "" {
			place.profile = profileOf(t, d.origin)
			place.profile.TokenURL = d.origin + "/oauth/token"
		}
		w := planned(t, Find(d.tool).wire, place)
		shown := w.shell
		for _, e := range w.edits {
			shown += e.show
		}
		if d.tool == "codex" { // the page has the auth table; the provider depends on the person
			_, shown, _ = strings.Cut(shown, "\n\n")
		}
		for line := range strings.Lines(shown) {
			line = strings.TrimSpace(line)
			if shellOnly := line == "END" || strings.HasPrefix(line, "cat ") || strings.HasPrefix(line, "mkdir ") || strings.HasPrefix(line, "# "); shellOnly {
				continue
			}
			if !strings.Contains(string(page), line) {
				t.Errorf("%s: docs/dialects/%s.md does not show %q", d.tool, d.page, line)
			}
		}
	}
	pages, _ := filepath.Glob("../../../docs/dialects/*.md")
	calls := 0
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range regexp.MustCompile(`credhelper setup ([a-z][a-z0-9]*)`).FindAllStringSubmatch(string(page), -1) {
			calls++
			if Find(call[1]) == nil {
				t.Errorf("%s: setup does not support %s", path, call[1])
			}
		}
	}
	if calls < 10 {
		t.Errorf("%d calls of setup in the pages: the test is blind", calls)
	}
}

// TestEveryDialectIsWired: setup can configure the tool of every dialect, and the README
// says so. credhelper's own dialects need no setup.
func TestEveryDialectIsWired(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{"get": true, "token": true, "header": true, "reject": true}
	for _, d := range protocol.Dialects {
		name := d.Name
		if name == "python-keyring" {
			name = "pip" // the link is named as pip wants it
		}
		switch {
		case own[name]:
		case Find(name) == nil:
			t.Errorf("setup does not support %s", name)
		case !strings.Contains(string(readme), "`credhelper setup "+name):
			t.Errorf("the README does not say how %s is wired", name)
		}
	}
}
