package config

import (
	"bytes"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Preset is what is known about a product: a profile with placeholders, and advice for
// its errors. {url}, {tenant}, {cloud} and {issuer} in the texts of Profile are
// replaced by the values of the profile that uses the preset.
type Preset struct {
	Name string `toml:"-"`
	Path string `toml:"-"` // of a user's own preset; "" if it is embedded

	Title  string   `toml:"title"`
	Source []string `toml:"source"` // pages with the facts
	Date   string   `toml:"date"`   // when they were read, YYYY-MM-DD
	Notes  string   `toml:"notes,omitempty"`

	Before string `toml:"before,omitempty"` // the path at which the API begins, such as "/rest": url is the address before it

	Discover bool `toml:"discover,omitempty"` // ask the issuer for its endpoints when a profile is added

	// DoorError is the body of an error as the product writes it, for programs that expect
	// its API at credhelper proxy: JSON with {status}, {name} and {message} in it.
	DoorError string `toml:"door_error,omitempty"`

	// Needs are the keys of the profile that the preset cannot know.
	Needs []struct {
		Key string `toml:"key"` // as in a profile
		Ask string `toml:"ask"` // what to ask for
	} `toml:"needs,omitempty"`
	Clouds map[string]string `toml:"clouds,omitempty"` // name -> value of {cloud}

	Profile File `toml:"profile"`
	plain   bool // nothing in Profile is to be replaced

	Hints      []hint `toml:"hints,omitempty"`       // about the token endpoint
	ProbeHints []hint `toml:"probe_hints,omitempty"` // about the probe
}

// placeholders are what a profile's values replace in the texts of Preset.Profile.
var placeholders = [...]string{"{url}", "{tenant}", "{cloud}", "{issuer}"}

// hint is advice for a response. Every member that is set must match.
type hint struct {
	Status int    `toml:"status,omitempty"` // HTTP status
	Code   string `toml:"code,omitempty"`   // RFC 6749 "error"
	AADSTS string `toml:"aadsts,omitempty"` // digits of Entra's code
	Text   string `toml:"text,omitempty"`   // part of the message, for probes
	Say    string `toml:"say"`              // one sentence; "{profile}" is the profile's name
}

// ReadPreset parses and checks a preset; path is "" for an embedded one.
func ReadPreset(name, path string, content []byte) (*Preset, error) {
	p := &Preset{}
	place, read := path, configfile.Parse
	if place == "" { // TestEmbeddedPresets has read it strictly
		place, read = "preset "+name, configfile.ParseOwn
	}
	d, err := read(place, content, p)
	if err != nil {
		return nil, err
	}
	p.Name, p.Path = name, path
	p.plain = !bytes.ContainsRune(content, '\\') && !slices.ContainsFunc(placeholders[:], func(s string) bool { return bytes.Contains(content, []byte(s)) })
	switch {
	case p.Title == "":
		return nil, d.Wrong("title", "is missing")
	case len(p.Source) == 0 || p.Date == "":
		return nil, d.Wrong("source", "source or date is missing: the pages that its facts are from, and the date of reading them")
	case p.Profile.Preset != "":
		return nil, d.Wrong("profile.preset", "a preset does not build on another")
	case p.Profile.ClientID != "" && path != "":
		return nil, d.Wrong("profile.client_id", "belongs in the profile")
	}
	for _, s := range p.Profile.sources() {
		if s.Secret { // the preset's author could run a program, or send a file
			return nil, d.Wrong("profile."+s.Key, "a preset does not say where secrets are; the profile does")
		}
	}
	if g := p.Profile.Grant; g != "" {
		if _, known := oauth.FindGrant(g); !known {
			return nil, d.Wrong("profile.grant", "%q is none of %s", printable.Value(g), strings.Join(grantNames(), ", "))
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
