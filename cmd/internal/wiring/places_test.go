package wiring

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestSetupWhereToolsRead: setup writes where the tool will read, or says that the tool
// reads no such file (H3).
func TestSetupWhereToolsRead(t *testing.T) {
	wire := func(tool string, place *Place) fileEdit {
		plan := planned(t, Find(tool).wire, place)
		return plan.edits[0]
	}
	place := testPlace(t)
	if got := wire("cargo", place).path; filepath.Base(got) != "config.toml" {
		t.Errorf("cargo: %s", got)
	}
	old := filepath.Join(place.home, ".cargo", "config")
	if err := writeConfig(old, "[net]\noffline = true\n"); err != nil {
		t.Fatal(err)
	}
	if got := wire("cargo", place).path; got != old {
		t.Errorf("cargo with an old file: %s", got)
	}

	env := map[string]string{"UV_CONFIG_FILE": filepath.Join(place.home, "my-uv.toml")}
	place.env = func(name string) string { return env[name] }
	if got := wire("uv", place).path; got != env["UV_CONFIG_FILE"] {
		t.Errorf("uv: %s", got)
	}
	for name, value := range map[string]string{"GOENV": "off", "GOAUTH": "off"} {
		place := testPlace(t)
		edit := wire("goauth", place)
		if _, err := edit.apply(); err != nil {
			t.Fatal(err)
		}
		place.env = func(asked string) string {
			if asked == name {
				return value
			}
			return ""
		}
		edit = wire("goauth", place)
		if err := edit.check(); !errors.Is(err, protocol.ErrPolicy) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
		if changed, err := edit.undo(); !changed || err != nil {
			t.Errorf("%s=%s: not taken back: %v", name, value, err)
		}
	}
}

// TestBrokenGitConfig: a configuration that git cannot read is not changed (H3).
func TestBrokenGitConfig(t *testing.T) {
	for text, want := range map[string]int{
		"":                                     0,
		"[user]\n\tname = A B\n":               0,
		"[user] name = A\n":                    0,
		"[user]\n\tname\n\tx = \"a;b\" ; c\n":  0,
		"\ufeff[a \"b c\"] ; x\r\n\tk = v\r\n": 0,
		"[a]\nk = one \\\ntwo [x\n[b]\n":       0,
		"[alias]\n\tx = !f() { echo \\\"$1\\\"; }; f\n":                        0,
		"[filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n\trequired = true\n": 0,
		"[url \"git@h:\"]\n\tinsteadOf = https://h/\n# c\n; d\n":               0,
		"[a]\nk = v\n[user\nname = x\n":                                        3,
		"name = x\n":                                                           1,
		"[a]\n<<<<<<< HEAD\n":                                                  2,
		"[a]\nk = \"open\n":                                                    2,
		"[a]\n1k = v\n":                                                        2,
		"[a \"b]\nk = v\n":                                                     1,
	} {
		if got := brokenGitLine(text); got != want {
			t.Errorf("%q: line %d, want %d", text, got, want)
		}
		place := testPlace(t)
		plan, err := wireGit(place)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeConfig(plan.edits[0].path, text); err != nil {
			t.Fatal(err)
		}
		if err := plan.edits[0].check(); (err != nil) != (want != 0) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
