package helper_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// page reads a page of the documentation.
func page(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the fenced blocks of a page in one language.
func blocks(page, language string) (found []string) {
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		found = append(found, m[1])
	}
	return found
}

var addLine = regexp.MustCompile("(?:^|[\\s`])credhelper add (\\S+ --preset [^`\n]*)")

// takenByAdd are the flags of add that the pages use, and the member that each
// sets; the engine's own flags are tested with it.
var takenByAdd = map[string]func(*config.File, string) error{
	"--preset":    func(f *config.File, v string) error { f.Preset = v; return nil },
	"--url":       func(f *config.File, v string) error { f.URL = v; return nil },
	"--client-id": func(f *config.File, v string) error { f.ClientID = v; return nil },
	"--issuer": func(f *config.File, v string) error { // what discovery would find
		f.Issuer, f.TokenURL = v, v+"/token"
		return nil
	},
	"--key-file": func(*config.File, string) error { return nil },
	"--ca-file":  func(f *config.File, v string) error { f.CAFile = v; return nil },
	"--proxy":    func(f *config.File, v string) error { f.Proxy = v; return nil },
	"--set": func(f *config.File, v string) error {
		key, value, _ := strings.Cut(v, "=")
		return f.Set(key, value)
	},
}

// draftOfLine makes a profile of a line as a person would type it.
func draftOfLine(t *testing.T, h *helper.Helper, line string) *config.Profile {
	t.Helper()
	words := strings.Fields(line)
	var f config.File
	for i := 1; i < len(words); i++ {
		set, known := takenByAdd[words[i]]
		switch {
		case words[i] == "--secret-stdin":
			continue
		case !known || i+1 == len(words):
			t.Errorf("credhelper add %s: what is %s?", line, words[i])
			return nil
		}
		i++
		if err := set(&f, words[i]); err != nil {
			t.Errorf("credhelper add %s: %v", line, err)
			return nil
		}
	}
	p, err := h.Draft(words[0], f)
	if err != nil {
		t.Errorf("credhelper add %s: %v", line, err)
	}
	return p
}

// TestAddLines: each "credhelper add" of README.md and docs/presets.md makes a
// profile, and every preset has one. The page's own preset is a preset.
func TestAddLines(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	own := blocks(page(t, "docs/presets.md"), "toml")
	if len(own) != 1 {
		t.Fatalf("docs/presets.md shows %d presets", len(own))
	}
	h.write(h.dirs.Presets()+"/wiki.toml", own[0])
	for path, least := range map[string]int{"README.md": 8, "docs/presets.md": len(presets.Names()) + 1} {
		used := map[string]bool{}
		lines := addLine.FindAllStringSubmatch(page(t, path), -1)
		for _, m := range lines {
			p := draftOfLine(t, h.helper(), m[1])
			if p == nil {
				continue
			}
			used[p.Preset] = true
			if len(p.Origins) == 0 && !strings.Contains(m[1], "--preset entra") {
				t.Errorf("credhelper add %s: the profile owns no origin", m[1])
			}
		}
		if len(used) < least {
			t.Errorf("%s: %d lines use %d presets, less than %d", path, len(lines), len(used), least)
		}
	}
}

// TestPresetPage: docs/presets.md has all that each embedded preset knows, asks
// for and says.
func TestPresetPage(t *testing.T) {
	// A list item that is continued on the next line counts as one line.
	sections := strings.Split(strings.ReplaceAll(page(t, "docs/presets.md"), "\n  ", " "), "\n## ")
	for _, p := range builtinPresets(t) {
		at := slices.IndexFunc(sections, func(s string) bool { return strings.HasPrefix(s, "`"+p.Name+"`: "+p.Title+"\n") })
		if at < 0 {
			t.Errorf("there is no section %q: %s", p.Name, p.Title)
			continue
		}
		facts := append([]string{p.Date, p.Profile.TokenURL, p.Profile.Grant, p.Profile.ClientAuth, strings.Join(p.Profile.Scopes, ", ")}, p.Source...)
		for _, n := range p.Needs {
			facts = append(facts, "- `"+n.Key+"`: "+n.Ask+"\n")
		}
		for _, hint := range append(slices.Clone(p.Hints), p.ProbeHints...) {
			facts = append(facts, "| "+strings.ReplaceAll(hint.Say, "{profile}", "NAME")+" |")
		}
		if p.Profile.Probe != nil {
			facts = append(facts, p.Profile.Probe.Path)
		}
		for _, fact := range facts {
			if !strings.Contains(sections[at], fact) {
				t.Errorf("section %s does not say %q", p.Name, fact)
			}
		}
	}
}

// keys are the dotted keys that a struct is read from.
func keys(t reflect.Type, prefix string) (all []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
		if !t.Field(i).IsExported() {
			continue
		}
		inner := t.Field(i).Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			all = append(all, keys(inner, prefix+name+".")...)
			continue
		}
		all = append(all, prefix+name)
	}
	return all
}

// TestProfilePage: docs/profiles.md has a row for every key of profiles and of
// config.toml and for nothing else, says which are bound, and its examples are
// profiles.
func TestProfilePage(t *testing.T) {
	profiles, settings, found := strings.Cut(page(t, "docs/profiles.md"), "\n## Settings for all profiles")
	if !found {
		t.Fatal("no section about config.toml")
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|[^|]+\\|([^|]+)\\|")
	bound := map[string]bool{}
	documented := func(text string) (list []string) {
		for _, m := range row.FindAllStringSubmatch(text, -1) {
			list = append(list, m[1])
			if strings.Contains(m[2], "*bound*") {
				bound[m[1]] = true
			}
		}
		return list
	}
	for what, c := range map[string]struct{ read, documented []string }{
		"a profile":   {keys(reflect.TypeFor[config.File](), ""), documented(profiles)},
		"config.toml": {keys(reflect.TypeFor[config.Settings](), ""), documented(settings)},
	} {
		slices.Sort(c.read)
		slices.Sort(c.documented)
		if len(c.read) == 0 || !slices.Equal(c.read, c.documented) {
			t.Errorf("keys of %s:\nread       %v\ndocumented %v", what, c.read, c.documented)
		}
	}
	examples := blocks(profiles, "toml")
	if len(examples) < 2 {
		t.Fatalf("%d examples", len(examples))
	}
	h := newHome(t, oauthtest.Options{})
	var p *config.Profile
	for _, text := range examples {
		h.write(h.dirs.Profiles()+"/demo.toml", text)
		var err error
		if p, err = h.helper().Profile("demo"); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	for _, b := range p.Bounds() {
		key := strings.Replace(b.Name, "probe", "probe.path", 1)
		if !bound[key] && key != "profile" {
			t.Errorf("docs/profiles.md does not say that %s is bound", key)
		}
	}
}

// TestGrantsPage: docs/grants.md has a row for each grant and client
// authentication, and for nothing else.
func TestGrantsPage(t *testing.T) {
	auths, rest, found := strings.Cut(page(t, "docs/grants.md"), "\n## Grants")
	grants, _, ended := strings.Cut(rest, "\n## Sign-ins")
	if !found || !ended {
		t.Fatal("the page has lost a section")
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")
	for what, c := range map[string]struct {
		text string
		want []string
	}{
		"grants":                 {grants, namesOf(oauth.Grants[:], func(g oauth.Grant) string { return g.Name })},
		"client authentications": {auths, namesOf(oauth.ClientAuths[:], func(a oauth.ClientAuth) string { return a.Name })},
	} {
		var got []string
		for _, m := range row.FindAllStringSubmatch(c.text, -1) {
			got = append(got, m[1])
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if len(got) == 0 || !slices.Equal(got, c.want) {
			t.Errorf("%s:\npage  %v\ntable %v", what, got, c.want)
		}
	}
}

func namesOf[T any](rows []T, name func(T) string) (names []string) {
	for _, r := range rows {
		names = append(names, name(r))
	}
	return names
}
