package wiring

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSetupGitBearer: the file with the header is suggested for a git that needs it,
// configured if it is named, and removed with the rest.
func TestSetupGitBearer(t *testing.T) {
	for version, offered := range map[string]bool{
		"git version 2.39.5\n":                     true,
		"git version 2.39.3 (Apple Git-146)\n":     true,
		"git version 2.45.2.windows.1\n":           true,
		"git version 1.9.1\n":                      true,
		"git version 2.46.0\n":                     false,
		"git version 2.100.1\n":                    false,
		"git version 3.0.0\n":                      false,
		"git version 2.47.0-rc1\n":                 false,
		"":                                         false,
		"something else\n":                         false,
		"git version unknown\n":                    false,
		"hub version 2.14.2\ngit version 2.39.5\n": false,
	} {
		place := testPlace(t)
		place.gitVersion = func() string { return version }
		w, err := wireGit(place)
		if err != nil {
			t.Fatal(err)
		}
		hints := strings.Join(w.hints, "\n")
		if got := strings.Contains(hints, "setup git work --write --bearer-file "+place.home+"/.git-bearer-work"); got != offered {
			t.Errorf("%q: %q", version, hints)
		}
		if strings.Contains(w.edits[0].show, "include") {
			t.Errorf("%q: included without being asked to", version)
		}
	}

	place := testPlace(t)
	before := content(t, place.home)
	place.bearerFile = "/run/user/1000/the \"header\""
	w, err := wireGit(place)
	if err != nil {
		t.Fatal(err)
	}
	if !applyAll(t, w) || !strings.Contains(content(t, place.home), "[include]\n\tpath = \"/run/user/1000/the \\\"header\\\"\"\n") {
		t.Errorf("written: %s", content(t, place.home))
	}
	place.bearerFile = "" // --remove does not name it
	if w, err = wireGit(place); err != nil {
		t.Fatal(err)
	}
	undoAll(t, w)
	if after := content(t, place.home); after != before {
		t.Errorf("left: %s", after)
	}
}

// TestStoringHelpers: setup and doctor name a helper of git's that stores what we answer,
// unless our part of the configuration begins with an empty list (X5).
func TestStoringHelpers(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		profile       bool
		named         string
	}{
		"store before, for every host": {"[credential]\n\thelper = store --file /x\n", "", false, "store --file /x"},
		"store before, for one host":   {"[credential]\n\thelper = store\n", "", true, ""},
		"store behind, for one host":   {"", "[credential]\n\thelper = store\n", true, "store"},
		"by its path":                  {"[credential]\n\tHelper=\"/usr/lib/git-core/git-credential-libsecret\"\n", "", false, "libsecret"},
		"cache behind, for every host": {"", "[credential \"https://x\"]\n\thelper = cache --timeout=9\n", false, "cache --timeout=9"},
		"another that is none":         {"[credential]\n\thelper = /opt/storehouse\n\tuseHttpPath = store\n", "", false, ""},
		"none":                         {"[user]\n\tname = store\n", "", false, ""},
	} {
		place := testPlace(t)
		if !c.profile {
			place.name, place.profile = "", nil
		}
		file := filepath.Join(place.home, ".gitconfig")
		if err := writeConfig(file, c.before); err != nil {
			t.Fatal(err)
		}
		if text, _ := Storing(place); text != "" {
			t.Errorf("%s: found before ours is there: %s", name, text)
		}
		plan, err := wireGit(place)
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Join(plan.next, "\n"); !c.profile && c.before != "" && c.named != "" && !strings.Contains(told, c.named) {
			t.Errorf("%s: setup says %q", name, told)
		}
		applyAll(t, plan)
		now, _, _ := readConfig(file)
		if err := writeConfig(file, now+c.after); err != nil {
			t.Fatal(err)
		}
		text, mend := Storing(place)
		if (text != "") != (c.named != "") || !strings.Contains(text, c.named) || (mend != "") != (text != "") {
			t.Errorf("%s: doctor says %q, %q", name, text, mend)
		}
	}
}
