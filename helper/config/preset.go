package config

import (
	"embed"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// embedded are the presets that come with the program: one file a product.
//
//go:embed presets/*.toml
var embedded embed.FS

// Preset is what is known about a product: a profile with gaps, and what its
// errors mean. {url}, {tenant}, {cloud} and {issuer} in the texts of Profile are filled in
// from the profile that names the preset.
type Preset struct {
	Name string `toml:"-"`
	Path string `toml:"-"` // of a user's own; "" if it is embedded

	Title  string   `toml:"title"`
	Source []string `toml:"source"` // pages that the facts are taken from
	Date   string   `toml:"date"`   // when they were read there, YYYY-MM-DD
	Notes  string   `toml:"notes,omitempty"`

	Before string `toml:"before,omitempty"` // the path at which the API begins, such as "/rest": url is what comes before it

	Discover bool `toml:"discover,omitempty"` // the issuer is asked for its endpoints when a profile is added

	Needs  []Need            `toml:"needs,omitempty"`
	Clouds map[string]string `toml:"clouds,omitempty"` // name -> what stands for {cloud}

	Profile    File         `toml:"profile"`
	Hints      []PresetHint `toml:"hints,omitempty"`       // about the token endpoint
	ProbeHints []PresetHint `toml:"probe_hints,omitempty"` // about the probe
}

// Need is a member of the profile that the preset cannot know.
type Need struct {
	Key string `toml:"key"` // as in a profile
	Ask string `toml:"ask"` // what to ask a person for
}

// PresetHint says what an answer means. Every member that is set must fit.
type PresetHint struct {
	Status int    `toml:"status,omitempty"` // HTTP status
	Code   string `toml:"code,omitempty"`   // RFC 6749 "error"
	AADSTS string `toml:"aadsts,omitempty"` // digits of Entra's code
	Text   string `toml:"text,omitempty"`   // part of the message, for probes
	Say    string `toml:"say"`              // one sentence; "{profile}" is the profile's name
}

// PresetNames lists the embedded presets in ascending order.
func PresetNames() []string {
	entries, err := fs.ReadDir(embedded, "presets")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), suffix))
	}
	return names
}

// Presets lists every preset: the embedded ones, the user's, the system's; and
// what is wrong with the files that are none.
func (h *Home) Presets() (presets []*Preset, problems []error) {
	names := PresetNames()
	for _, dir := range h.presetDirs() {
		own, err := namesIn(dir)
		if err != nil {
			problems = append(problems, err)
		}
		names = append(names, own...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		p, err := h.Preset(name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		presets = append(presets, p)
	}
	return presets, problems
}

// presetDirs are the folders of presets that are not embedded, the user's first.
func (h *Home) presetDirs() []string {
	dirs := []string{h.Dirs.Presets()}
	if h.Dirs.System != "" {
		dirs = append(dirs, filepath.Join(h.Dirs.System, "presets"))
	}
	return dirs
}

// Preset finds the preset of that name: embedded, the user's, the system's.
func (h *Home) Preset(name string) (*Preset, error) {
	if !protocol.ValidProfile(name) {
		return nil, policy("no preset can be called " + printable.Value(name))
	}
	builtin, err := embedded.ReadFile("presets/" + name + suffix)
	if err == nil {
		// A file of that name would be in force or not depending on the version.
		if path, found := h.ownPreset(name); found {
			return nil, policy(path + ": " + name + " is a built-in preset; give this file another name")
		}
		return readPreset(name, "", builtin)
	}
	for _, dir := range h.presetDirs() {
		path := filepath.Join(dir, name+suffix)
		content, err := ReadProvided(path, maxConfig)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return readPreset(name, path, content)
	}
	return nil, h.noPreset(name)
}

func (h *Home) ownPreset(name string) (path string, found bool) {
	for _, dir := range h.presetDirs() {
		names, _ := namesIn(dir)
		if slices.Contains(names, name) {
			return filepath.Join(dir, name+suffix), true
		}
	}
	return "", false
}

func (h *Home) noPreset(name string) error {
	known := map[string]bool{}
	for _, n := range PresetNames() {
		known[n] = true
	}
	for _, dir := range h.presetDirs() {
		names, _ := namesIn(dir)
		for _, n := range names {
			known[n] = true
		}
	}
	hint := "there are " + strings.Join(PresetNames(), ", ")
	if near := nearest(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: "no preset " + name, Hint: hint}
}

// readPreset reads and checks a preset; path is "" for an embedded one.
func readPreset(name, path string, content []byte) (*Preset, error) {
	p := &Preset{}
	place := path
	if place == "" {
		place = "preset " + name
	}
	d, err := readDocument(place, content, p)
	if err != nil {
		return nil, err
	}
	p.Name, p.Path = name, path
	switch {
	case p.Title == "":
		return nil, d.wrong("title", "is missing")
	case len(p.Source) == 0 || p.Date == "":
		return nil, d.wrong("source", "a preset says from which pages its facts are, and of which date: source and date")
	case p.Profile.Preset != "":
		return nil, d.wrong("profile.preset", "a preset does not build on another")
	case p.Profile.ClientID != "" && path != "":
		return nil, d.wrong("profile.client_id", "belongs into the profile")
	}
	for _, s := range p.Profile.sources() {
		if s.Secret { // a program would run, or a file be sent, because its author says so
			return nil, d.wrong("profile."+s.Key, "a preset does not say where secrets are; the profile does")
		}
	}
	if g := p.Profile.Grant; g != "" {
		if _, known := oauth.FindGrant(g); !known {
			return nil, d.wrong("profile.grant", "%q is none of %s", printable.Value(g), strings.Join(grantNames(), ", "))
		}
	}
	return p, nil
}

func grantNames() (names []string) {
	for _, g := range oauth.Grants {
		names = append(names, g.Name)
	}
	return names
}

func clientAuthNames() (names []string) {
	for _, a := range oauth.ClientAuths {
		names = append(names, a.Name)
	}
	return names
}

// Hint is what a failed token request of the profile means, by its preset and by what
// is known of all servers; "" if nothing is known.
func (p *Profile) Hint(e *oauth.Error) string {
	var hints []oauth.Hint
	if p.preset != nil {
		for _, h := range p.preset.Hints {
			hints = append(hints, oauth.Hint{Status: h.Status, Code: h.Code, AADSTS: h.AADSTS, Text: h.Say})
		}
	}
	return oauth.HintFor(e, p.Name, hints)
}

// ProbeHint is what the preset says about an answer to the probe.
func (p *Profile) ProbeHint(status int, message string) string {
	if p.preset == nil {
		return ""
	}
	for _, h := range p.preset.ProbeHints {
		if (h.Status == 0 || h.Status == status) && strings.Contains(message, h.Text) {
			return strings.ReplaceAll(h.Say, "{profile}", p.Name)
		}
	}
	return ""
}
