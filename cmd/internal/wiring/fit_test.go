package wiring

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// profileOf returns a profile that owns these origins.
func profileOf(t *testing.T, origins ...string) *config.Profile {
	t.Helper()
	p := &config.Profile{Name: "work", Scheme: "Bearer"}
	for _, text := range origins {
		o, err := origin.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		p.Origins = append(p.Origins, o)
	}
	return p
}

// TestSetupFits: setup refuses a profile that the tool could not use, for the reason for
// which the tool's call would fail.
func TestSetupFits(t *testing.T) {
	usual, nowhere, wild := profileOf(t, "https://git.example.com"), profileOf(t), profileOf(t, "https://*.cdn.example.com")
	key, basic := profileOf(t, "https://git.example.com"), profileOf(t, "https://git.example.com")
	key.Header, key.Scheme = "X-Api-Key", ""
	basic.Scheme = "Token"
	const all = "git docker podman kubectl cargo terraform opentofu goauth bazel pip uv pnpm rclone codex claude mcp yarn npm curl wget httpie restish prometheus kafka bruno newman postman mcp-proxy msmtp"
	for _, c := range []struct {
		what    string
		profile *config.Profile
		refused string // tools
		says    string
	}{
		{"a usual profile", usual, "", ""},
		{"no origins", nowhere, strings.NewReplacer("claude ", "", "kafka ", "", " msmtp", "").Replace(all), "owns no web origin"},
		{"only a wildcard", wild, "docker podman pnpm rclone codex mcp npm prometheus bruno newman postman mcp-proxy", "*.cdn.example.com"},
		{"another header", key, "git docker podman kubectl cargo terraform opentofu pip uv pnpm rclone codex yarn npm httpie kafka", "not X-Api-Key"},
		{"another scheme", basic, "docker podman kubectl terraform opentofu pip uv rclone codex npm kafka", "the scheme Bearer"},
	} {
		tools := strings.Fields(all)
		if len(tools) != len(Tools) {
			t.Fatalf("%d tools here, %d in the table", len(tools), len(Tools))
		}
		for _, name := range tools {
			place := testPlace(t)
			place.profile = c.profile
			err := place.Fits(Find(name))
			if want := strings.Contains(" "+c.refused+" ", " "+name+" "); (err != nil) != want {
				t.Errorf("%s, %s: error %v", c.what, name, err)
			}
			if err != nil && (!errors.Is(err, protocol.ErrPolicy) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%s, %s: error %v, want %q in it", c.what, name, err, c.says)
			}
		}
	}
}

// TestSetupShowsWhere: what is printed can be copied as it is: it names its section, and has
// no placeholder that the profile could fill.
func TestSetupShowsWhere(t *testing.T) {
	sections := map[string]string{
		"cargo": "[registry]\n", "pip": "[global]\n", "kubectl": "users:\n", "rclone": "[work]\n", "codex": "[model_providers.work]\n",
		"docker": "\"credHelpers\": {", "mcp": "\"mcpServers\": {",
	}
	for _, tool := range Tools {
		w := planned(t, tool.wire, testPlace(t))
		shown := w.shell
		for _, e := range w.edits {
			shown += e.show
		}
		if want := sections[tool.names[0]]; !strings.Contains(shown, want) {
			t.Errorf("%s: no %q in\n%s", tool.names[0], want, shown)
		}
		if strings.Contains(shown+strings.Join(w.next, ""), "HOST") {
			t.Errorf("%s: a host to fill in, and the profile has one:\n%s", tool.names[0], shown)
		}
	}
	place := testPlace(t)
	place.profile = profileOf(t, "https://*.cdn.example.com", "https://cdn.example.com/base")
	if got := place.url(); got != "https://cdn.example.com/base" {
		t.Errorf("the URL of a profile with a wildcard and a host is %s", got)
	}
	place.profile.Origins = place.profile.Origins[:1]
	if got := place.url(); got != "https://HOST.cdn.example.com" {
		t.Errorf("the URL of a profile with a wildcard is %s", got)
	}
}

// TestSetupOneFileForTwo: Terraform and OpenTofu may read the same file, which may contain
// credentials_helper only once.
func TestSetupOneFileForTwo(t *testing.T) {
	place := testPlace(t)
	wired := map[string]Plan{}
	for _, name := range []string{"terraform", "opentofu"} {
		w := planned(t, Find(name).wire, place)
		wired[name] = w
		if changed := applyAll(t, w); changed != (name == "terraform") {
			t.Errorf("%s: changed %v", name, changed)
		}
	}
	once := content(t, place.home)
	if n := strings.Count(once, "credentials_helper \"credhelper\""); n != 1 {
		t.Errorf("%d helpers in\n%s", n, once)
	}
	undoAll(t, wired["opentofu"])
	if now := content(t, place.home); now != once {
		t.Errorf("taking back OpenTofu's took away Terraform's:\n%s", now)
	}
	undoAll(t, wired["terraform"])
	if now := content(t, place.home); now != "" {
		t.Errorf("left:\n%s", now)
	}
}

// TestReadmeTools: each command that the README gives for a tool is a row of the table, and
// its page exists.
func TestReadmeTools(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	calls := regexp.MustCompile("`credhelper setup ([a-z0-9]+)( [a-z]+)?( --write)?`(.*)").FindAllStringSubmatch(string(readme), -1)
	if len(calls) < 10 {
		t.Fatalf("%d calls of setup: the test is blind", len(calls))
	}
	for _, call := range calls {
		tool := Find(call[1])
		if tool == nil {
			t.Errorf("setup does not support %s", call[1])
			continue
		}
		if call[2] == "" && tool.needs&profileMust != 0 {
			t.Errorf("%s: a profile must be named", call[0])
		}
		w := planned(t, tool.wire, testPlace(t))
		if call[3] != "" && w.shell != "" {
			t.Errorf("%s: there is nothing to write", call[0])
		}
	}
	pages := regexp.MustCompile(`\((docs/dialects/[a-z]+\.md)\)`).FindAllStringSubmatch(string(readme), -1)
	if len(pages) < 10 {
		t.Fatalf("%d pages: the test is blind", len(pages))
	}
	for _, page := range pages {
		if !isFile("../../../" + page[1]) {
			t.Errorf("%s is not there", page[1])
		}
	}
}

// TestSetupIndex: pip and uv get a token for https only, so setup writes the index with
// https. An index that the file already has stays, and one with http is refused.
func TestSetupIndex(t *testing.T) {
	written := func(tool, before string, origins ...string) (string, error) {
		place := testPlace(t)
		place.profile = profileOf(t, origins...)
		place.profile.Username = "a@b"
		w := planned(t, Find(tool).wire, place)
		return w.edits[0].add(before)
	}
	const pip, uv = "index-url = https://a%40b@pypi.example.com/simple/\n", "[[index]]\nurl = \"https://a%40b@pypi.example.com/simple/\"\n"
	for _, c := range []struct {
		what, tool, before, origin, has, hasNot string
	}{
		{"pip", "pip", "", "https://pypi.example.com", pip, ""},
		{"pip, with a path", "pip", "", "https://pypi.example.com/simple/", pip, ""},
		{"pip, with an index", "pip", "[global]\nindex-url = https://mine/\n", "https://pypi.example.com", "keyring-provider = subprocess\n", "a%40b"},
		{"pip, with somebody else's in clear", "pip", "[global]\nindex-url = http://mine/\n", "https://pypi.example.com", "http://mine/", "a%40b"},
		{"pip, of loopback in clear", "pip", "", "http://127.0.0.1:8080", "keyring-provider = subprocess\n", "index-url"},
		{"pip, of a wildcard", "pip", "", "https://*.example.com", "keyring-provider = subprocess\n", "index-url"},
		{"uv", "uv", "offline = true\n", "https://pypi.example.com", uv, ""},
		{"uv, with the index", "uv", uv, "https://pypi.example.com", uv, "uv index"},
	} {
		got, err := written(c.tool, c.before, c.origin)
		if err != nil || !strings.Contains(got, c.has) || c.hasNot != "" && strings.Contains(got, c.hasNot) {
			t.Errorf("%s: %v\n%s", c.what, err, got)
		}
	}
	for tool, before := range map[string]string{
		"pip": "[global]\nextra-index-url =\n  http://u@pypi.example.com/simple/\n",
		"uv":  "[[index]]\nurl = \"http://pypi.example.com\"\n",
	} {
		if got, err := written(tool, before, "https://pypi.example.com"); !errors.Is(err, protocol.ErrPolicy) || !strings.Contains(err.Error(), "http://pypi.example.com/") {
			t.Errorf("%s, in clear: %v\n%s", tool, err, got)
		}
	}
}

// TestSetupLocalRegistry: docker's tools can use a local registry only if the profile names
// it by docker://; otherwise setup says that they would get no token.
func TestSetupLocalRegistry(t *testing.T) {
	place := testPlace(t)
	place.profile = profileOf(t, "docker://10.1.2.3:5000")
	tool := Find("docker")
	if err := place.Fits(tool); err != nil {
		t.Error(err)
	}
	if err := place.Fits(Find("git")); err == nil {
		t.Error("git has a use for docker://")
	}
	place.profile = profileOf(t, "https://10.1.2.3:5000", "docker://10.1.2.3:5000", "https://10.9.9.9", "https://127.0.0.1:5000", "http://127.0.0.1:5000", "https://reg.example.com")
	w := planned(t, tool.wire, place)
	for _, host := range []string{"10.1.2.3:5000", "10.9.9.9", "127.0.0.1:5000", "reg.example.com"} {
		if strings.Count(w.edits[0].show, `"`+host+`"`) != 1 {
			t.Errorf("%s is not there once:\n%s", host, w.edits[0].show)
		}
	}
	if len(w.next) != 1 || !strings.Contains(w.next[0], "docker://10.9.9.9: ") {
		t.Errorf("said: %q", w.next)
	}
}
