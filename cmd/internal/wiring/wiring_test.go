package wiring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// before are files that setup may find, by tool; every tool is also tested without its file.
var before = map[string][]string{
	"git": {
		"[user]\n\tname = A\n",
		"[user]\n\tname = A", // no newline at the end
		"[credential]\n\thelper = cache\n",
		"# only a comment\r\n",
	},
	"docker": {
		"{}", "{}\n", "{ }\n", "{\n}\n",
		`{"auths":{}}`,
		"{\n\t\"auths\": {\n\t\t\"https://index.docker.io/v1/\": {}\n\t},\n\t\"credsStore\": \"pass\"\n}",
		"{\n  \"credHelpers\": {\n    \"other.example.net\": \"ecr-login\"\n  }\n}\n",
		"{\n  \"credHelpers\": {}\n}\n",
		"{\"credHelpers\":{\"other.example.net\":\"pass\"},\"x\":[{\"credHelpers\":{}}]}\n",
		`{"a":"{\"credHelpers\":{}}","b":"}"}`,
	},
	"podman": {"{\n\t\"auths\": {\n\t\t\"quay.io\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t}\n\t}\n}"},
	"kubectl": {
		"apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n",
		"apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    token: x\ncurrent-context: c\n",
		"apiVersion: v1\nusers:\n  - name: admin\n    user: {}\nkind: Config\n",
		"apiVersion: v1\nkind: Config\nusers: null\n",
		"apiVersion: v1\nkind: Config\n",
	},
	"cargo": {
		"[registries.mine]\nindex = \"sparse+https://x/\"\n",
		"[registry]\ndefault = \"mine\"\n\n[net]\noffline = true\n",
		"[registry] # ours\n",
		"[registry]", // no newline at the end
	},
	"terraform": {"plugin_cache_dir = \"/x\"\n", "credentials \"a.example\" {\n  token = \"x\"\n}\n"},
	"opentofu":  {"plugin_cache_dir = \"/x\"\n"},
	"goauth":    {"GOFLAGS=-mod=mod\nGOPRIVATE=x\n", "GOAUTH=netrc\n", "GOAUTH=git /home/me; netrc\nGOFLAGS=\n", "GOFLAGS=-mod=mod"},
	"bazel":     {"build --jobs=2\n"},
	"pip":       {"[global]\nindex-url = https://x/\n", "[install]\nuser = true\n", "[global]\n\n[install]\n"},
	"uv":        {"[pip]\nno-build = true\n", "offline = true\n"},
	"pnpm":      {"registry=https://registry.npmjs.org/\n"},
	"rclone":    {"[other]\ntype = local\n", "[work]\ntype = webdav\nurl = https://dav.example.com\n"},
	"codex":     {"model = \"x\"\n", "[model_providers.work]\nname = \"mine\"\nbase_url = \"https://x\"\n"},
	"claude":    {"{\n  \"theme\": \"dark\"\n}\n"},
	"mcp": {
		"{\n  \"mcpServers\": {}\n}\n",
		"{\"projects\":{},\"mcpServers\":{\"other\":{\"command\":\"x\"}}}",
		"{\n  \"mcpServers\": {\n    \"work\": {\n      \"type\": \"http\",\n      \"url\": \"https://mcp.example.com\"\n    }\n  }\n}\n",
	},
}

// taken are files that already contain another setting, which setup does not change.
var taken = map[string][]string{
	"docker":    {`{"credHelpers":{"git.example.com":"pass"}}`, `{"credHelpers":"x"}`, `[]`, `not JSON`, `{"a":1,}`},
	"kubectl":   {`{"users":[]}`, "users: [{name: a}]\n", "users:\n- name: credhelper-work\n  user: {}\n"},
	"cargo":     {"[registry]\nglobal-credential-providers = [\"cargo:token\"]\n"},
	"terraform": {"credentials_helper \"other\" {\n}\n"},
	"goauth":    {"GOAUTH=off\n"},
	"pip":       {"[global]\nkeyring-provider = import\n"},
	"uv":        {"keyring-provider = \"disabled\"\n"},
	"rclone":    {"[work]\ntype = webdav\nbearer_token_command = other\n"},
	"codex":     {"[model_providers.work.auth]\ncommand = \"x\"\n"},
	"claude":    {`{"apiKeyHelper":"other"}`},
	"mcp":       {`{"mcpServers":{"work":{"url":"x","headersHelper":"other"}}}`},
}

func testPlace(t *testing.T) *Place {
	t.Helper()
	profile := &config.Profile{Name: "work", URL: "https://git.example.com/base"}
	for _, text := range []string{"https://git.example.com", "https://src.example.com:8443/alpha/", "https://*.cdn.example.com"} {
		o, err := origin.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		profile.Origins = append(profile.Origins, o)
	}
	home := t.TempDir()
	return &Place{
		name: "work", profile: profile, credhelper: "/opt/credhelper/credhelper", links: filepath.Join(home, ".local", "bin"),
		home: home, door: "http://127.0.0.1:7717", env: func(string) string { return "" },
	}
}

// planned returns what a tool's row plans at a place.
func planned(t *testing.T, wire func(*Place) (Plan, error), at *Place) Plan {
	t.Helper()
	w, err := wire(at)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// content returns every file and link below a directory.
func content(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
			return err
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			b.WriteString(path + " -> " + target + "\n")
			return err
		}
		data, err := os.ReadFile(path)
		b.WriteString(path + ":\n" + string(data) + "\x00\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func applyAll(t *testing.T, w Plan) (changed bool) {
	t.Helper()
	for _, l := range w.links {
		c, err := l.apply()
		if err != nil {
			t.Fatal(err)
		}
		changed = changed || c
	}
	for _, e := range w.edits {
		c, err := e.apply()
		if err != nil {
			t.Fatal(err)
		}
		changed = changed || c
	}
	return changed
}

func undoAll(t *testing.T, w Plan) {
	t.Helper()
	for _, e := range w.edits {
		if _, err := e.undo(); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range w.links {
		if _, err := l.undo(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSetupTakesBack: for every tool and file, writing twice is the same as writing once,
// and removing restores every byte.
func TestSetupTakesBack(t *testing.T) {
	for _, tool := range Tools {
		for i, text := range append([]string{""}, before[tool.names[0]]...) {
			place := testPlace(t)
			w := planned(t, tool.wire, place)
			if w.shell != "" {
				break
			}
			t.Run(tool.names[0], func(t *testing.T) {
				if i > 0 {
					if err := writeConfig(w.edits[0].path, text); err != nil {
						t.Fatal(err)
					}
				}
				old := content(t, place.home)
				if !applyAll(t, w) {
					t.Fatal("nothing was written")
				}
				once := content(t, place.home)
				if applyAll(t, w) {
					t.Errorf("the second time changed\n%s\nto\n%s", once, content(t, place.home))
				}
				if !strings.Contains(once, "credhelper") {
					t.Errorf("what is there does not name credhelper:\n%s", once)
				}
				undoAll(t, w)
				if now := content(t, place.home); now != old {
					t.Errorf("taken back:\n%s\nbefore:\n%s\nin between:\n%s", now, old, once)
				}
			})
		}
	}
}

// TestSetupKeepsLaterEdits: what a person wrote after setup stays, even without the copy of
// the file.
func TestSetupKeepsLaterEdits(t *testing.T) {
	const later = "# mine\n"
	for _, tool := range Tools {
		for _, text := range before[tool.names[0]] {
			place := testPlace(t)
			w := planned(t, tool.wire, place)
			file := w.edits[0].path
			if strings.HasSuffix(file, ".json") || strings.Contains(text, "credHelpers") || !strings.HasSuffix(text, "\n") || strings.Contains(text, "GOAUTH=netrc") ||
				strings.Contains(text, "users: ") || tool.names[0] == "kubectl" && !strings.Contains(text, "users:") {
				continue // these end differently, or are written in a shorter form afterwards
			}
			t.Run(tool.names[0], func(t *testing.T) {
				if err := writeConfig(file, text); err != nil {
					t.Fatal(err)
				}
				applyAll(t, w)
				now, _, _ := readConfig(file)
				if err := writeConfig(file, now+later); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(file + backupSuffix); err != nil {
					t.Fatal(err)
				}
				undoAll(t, w)
				if now, _, _ := readConfig(file); now != text+later {
					t.Errorf("left:\n%s\nwant:\n%s", now, text+later)
				}
			})
		}
	}
}

// TestSetupMembers: members that were added to the JSON beside ours stay.
func TestSetupMembers(t *testing.T) {
	ours := func(_ []string, value string) bool { return value == `"credhelper-work"` }
	edit := memberEdit("", []jsonSetting{{[]string{"credHelpers", "a"}, "credhelper-work"}, {[]string{"credHelpers", "b"}, "credhelper-work"}}, ours)
	for _, c := range []struct{ now, left string }{
		{`{"credHelpers":{"a":"credhelper-work","b":"credhelper-work"}}`, `{}`},
		{`{"credHelpers":{"a":"credhelper-work","c":"x","b":"credhelper-work"}}`, `{"credHelpers":{"c":"x"}}`},
		{`{"credHelpers":{"c":"x","a":"credhelper-work"},"z":1}`, `{"credHelpers":{"c":"x"},"z":1}`},
		{`{"y":1,"credHelpers":{"a":"credhelper-work"},"z":1}`, `{"y":1,"z":1}`},
		{`{"y":1,"credHelpers":{"a":"credhelper-work"}}`, `{"y":1}`},
		{`{"y":{"a":"credhelper-work"}}`, `{"y":{"a":"credhelper-work"}}`},
		{`{"credHelpers":{"a":"credhelper-other"}}`, `{"credHelpers":{"a":"credhelper-other"}}`},
		{`{"credHelpers":[]}`, `{"credHelpers":[]}`},
	} {
		left, err := edit.drop(c.now)
		if err != nil || left != c.left {
			t.Errorf("%s became %s, want %s (%v)", c.now, left, c.left, err)
		}
	}
}

// TestSetupKubectlRewrites: kubectl drops comments when it writes its file. Our user is
// still found, and somebody else's of the same name is not taken for it.
func TestSetupKubectlRewrites(t *testing.T) {
	const head, tail = "apiVersion: v1\nusers:\n- name: admin\n  user:\n    token: x\n", "- name: zoe\n  user: {}\n"
	const ours = "- name: credhelper-work\n  user:\n    exec:\n      args:\n      - kubectl\n      - --profile\n      - work\n      command: /usr/bin/credhelper\n"
	w := planned(t, wireKubectl, testPlace(t))
	for now, want := range map[string]string{
		head + ours + tail: head + tail,
		head + ours:        head,
		head + "- name: credhelper-work\n  user:\n    token: x\n": head + "- name: credhelper-work\n  user:\n    token: x\n",
	} {
		if left, err := w.edits[0].drop(now); err != nil || left != want {
			t.Errorf("left:\n%s\nwant:\n%s (%v)", left, want, err)
		}
	}
}

// TestSetupLeavesAlone: a file with another setting is not changed, and the exit code is
// that of a configuration error.
func TestSetupLeavesAlone(t *testing.T) {
	for _, tool := range Tools {
		for _, text := range taken[tool.names[0]] {
			place := testPlace(t)
			w := planned(t, tool.wire, place)
			t.Run(tool.names[0], func(t *testing.T) {
				if err := writeConfig(w.edits[0].path, text); err != nil {
					t.Fatal(err)
				}
				err := w.edits[0].check()
				if !errors.Is(err, protocol.ErrPolicy) {
					t.Errorf("%q: error %v, want one of policy", text, err)
				}
				if _, err := w.edits[0].apply(); err == nil {
					t.Error("applied")
				}
				if now, _, _ := readConfig(w.edits[0].path); now != text {
					t.Errorf("%q became %q", text, now)
				}
			})
		}
	}
}

// TestSetupLinks: a link of ours is replaced; anything else in its place stays.
func TestSetupLinks(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, target := range map[string]string{"moved": "/old/credhelper", "foreign": "/usr/bin/keyring", "right": "/opt/credhelper/credhelper"} {
		if err := os.Symlink(target, path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path("file"), []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ changed, fails bool }{
		"new": {true, false}, "moved": {true, false}, "right": {false, false}, "foreign": {false, true}, "file": {false, true},
	} {
		l := toolLink{path: path(name), target: "/opt/credhelper/credhelper"}
		changed, err := l.apply()
		if changed != want.changed || (err != nil) != want.fails {
			t.Errorf("%s: changed %v, error %v", name, changed, err)
		}
		removed, err := l.undo()
		if err != nil || removed == want.fails {
			t.Errorf("%s: removed %v, error %v", name, removed, err)
		}
	}
}

// TestSetupTools: names are unique, and the configuration of a tool that needs no profile
// contains nothing of a profile.
func TestSetupTools(t *testing.T) {
	seen := map[string]bool{}
	for _, tool := range Tools {
		for _, name := range tool.names {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if tool.needs&profileMust != 0 {
			continue
		}
		place := testPlace(t)
		place.name, place.profile = "", nil
		w := planned(t, tool.wire, place)
		for _, e := range w.edits {
			if e.show == "" || strings.Contains(e.show, "example.com") {
				t.Errorf("%s without a profile: %q", tool.names[0], e.show)
			}
		}
	}
}

// TestSetupOddPaths: a path with a space is quoted if the tool understands quotes, and
// refused if it does not.
func TestSetupOddPaths(t *testing.T) {
	refused := map[string]bool{"goauth": true, "rclone": true}
	for _, tool := range Tools {
		place := testPlace(t)
		place.credhelper = "/opt/my programs/credhelper"
		_, err := tool.wire(place)
		if refused[tool.names[0]] != (err != nil) {
			t.Errorf("%s: error %v", tool.names[0], err)
		}
	}
	place := testPlace(t)
	place.credhelper = "/opt/my programs/credhelper"
	w, _ := wireGit(place)
	if want := `helper = "!'/opt/my programs/credhelper' git"`; !strings.Contains(w.edits[0].show, want) {
		t.Errorf("git: %s", w.edits[0].show)
	}
}
