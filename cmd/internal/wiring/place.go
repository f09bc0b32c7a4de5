package wiring

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Place is the profile and the user's directories for which a tool is wired.
type Place struct {
	name       string          // of the profile; "" if none is named
	profile    *config.Profile // nil if none is named, or it is gone
	credhelper string          // absolute path of the executable that tools call
	links      string          // directory for links
	home       string
	bearerFile string        // the file that git includes; "" for none
	door       string        // the usual address of the door
	gitVersion func() string // returns git's version; may be nil
	// kubeClusters returns the clusters of the kubeconfig as kubectl prints them; may
	// be nil.
	kubeClusters func() string
	env          func(string) string
}

// id returns the text that identifies a block in its markers: the tool, and the profile
// if there is one.
func (p *Place) id(tool string) string { return strings.TrimSpace(tool + " " + p.name) }

// suffixed returns the name of a link, with the profile's name if there is one.
func (p *Place) suffixed(link string) string {
	if p.name == "" {
		return link
	}
	return link + "-" + p.name
}

// link returns a link of that name in the directory for links.
func (p *Place) link(name, word string, users ...string) toolLink {
	return toolLink{path: filepath.ToSlash(filepath.Join(p.links, name)) + exe, target: p.credhelper, users: users, word: word}
}

// under returns a path below the home directory.
func (p *Place) under(parts ...string) string {
	return filepath.Join(append([]string{p.home}, parts...)...)
}

// config returns a path below the configuration directory.
func (p *Place) config(parts ...string) string {
	if windows {
		return p.roaming(parts...)
	}
	if dir := p.env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(append([]string{dir}, parts...)...)
	}
	return p.under(append([]string{".config"}, parts...)...)
}

// roaming returns a path below the directory where programs of Windows keep settings.
func (p *Place) roaming(parts ...string) string {
	return filepath.Join(append([]string{p.file("APPDATA", p.under("AppData", "Roaming"))}, parts...)...)
}

// dotfile returns the path of a tool's file below the home directory, and on Windows of
// the one, under another name, among the settings.
func (p *Place) dotfile(name, onWindows string) string {
	if windows {
		return p.roaming(onWindows)
	}
	return p.under(name)
}

// file returns the path in the tool's own variable, else its default path.
func (p *Place) file(variable, usual string) string {
	if path := p.env(variable); filepath.IsAbs(path) {
		return path
	}
	return usual
}

// in returns a file in the directory of the tool's own variable, else in its default
// directory.
func (p *Place) in(variable, usual, name string) string {
	return filepath.Join(p.file(variable, usual), name)
}

// origins returns the profile's web origins; none without a profile.
func (p *Place) origins() []origin.Origin {
	if p.profile == nil {
		return nil
	}
	var all []origin.Origin
	for _, o := range p.profile.Origins {
		if strings.HasPrefix(o.String(), "https://") || strings.HasPrefix(o.String(), "http://") {
			all = append(all, o)
		}
	}
	return all
}

// bareOrigins returns the profile's origins that docker's tools may ask for without a
// scheme, although they may use plain http there.
func (p *Place) bareOrigins() (all []origin.Origin) {
	if p.profile == nil {
		return nil
	}
	for _, o := range p.profile.Origins {
		if o.Scheme() == origin.Bare {
			all = append(all, o)
		}
	}
	return all
}

// registryHosts returns the hosts for docker's tools, each once, without wildcards.
func (p *Place) registryHosts() (all []string) {
	for _, o := range append(p.origins(), p.bareOrigins()...) {
		if _, wildcard := o.Wildcard(); !wildcard && !slices.Contains(all, authority(o)) {
			all = append(all, authority(o))
		}
	}
	return all
}

// refusedRegistries returns those of them that would get no token: docker's tools ask
// for a local host without a scheme, and the profile lists it only with https.
func (p *Place) refusedRegistries() (all []string) {
	agreed := map[string]bool{}
	for _, o := range append(p.origins(), p.bareOrigins()...) {
		agreed[authority(o)] = agreed[authority(o)] || o.Scheme() != "https"
	}
	for _, o := range p.origins() {
		if _, wildcard := o.Wildcard(); !wildcard && o.Local() && !agreed[authority(o)] {
			all = append(all, authority(o))
		}
	}
	return all
}

// authority returns an origin's host, or *.host, with the port if it is not the
// default.
func authority(o origin.Origin) string {
	_, rest, _ := strings.Cut(o.String(), "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// hosts returns the profile's origins as host[:port], each once. Wildcards are omitted
// for a tool that does not support them.
func (p *Place) hosts(wildcards bool) []string {
	var all []string
	seen := map[string]bool{}
	for _, o := range p.origins() {
		_, wildcard := o.Wildcard()
		host := authority(o)
		if wildcard && !wildcards || seen[host] {
			continue
		}
		seen[host] = true
		all = append(all, host)
	}
	return all
}

// url returns the address of the profile's system: its base address, else its first
// origin with a host, else an address to complete below its wildcard.
func (p *Place) url() string {
	if p.profile != nil && p.profile.URL != "" {
		return p.profile.URL
	}
	below := ""
	for _, o := range p.origins() {
		if _, wildcard := o.Wildcard(); !wildcard {
			return o.String()
		}
		below = cmp.Or(below, strings.Replace(o.String(), "://*.", "://HOST.", 1))
	}
	return below
}

// quoted returns a text in double quotes with backslash escapes, as in TOML, YAML, JSON
// and git's configuration.
func quoted(text string) string { return strconv.Quote(text) }

// Fits reports why the tool could not use the profile. This is better than the tool's
// own error later.
func (p *Place) Fits(tool *Tool) error {
	name := tool.names[0]
	origins, hosts := p.origins(), p.hosts(false)
	if tool.needs&bareHost != 0 {
		origins, hosts = append(origins, p.bareOrigins()...), p.registryHosts()
	}
	switch {
	case p.profile == nil:
	case len(origins) == 0 && tool.needs&byName == 0:
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: "profile " + p.name + " owns no web origin, so its token is given for no URL, and " + name + " needs it for one",
			Hint: "name its origins: credhelper edit " + p.name,
		}
	case tool.needs&hostMust != 0 && len(hosts) == 0:
		return protocol.Policy("profile " + p.name + " owns only " + strings.Join(p.hosts(true), ", ") + ", and " + name + " has to be told one host")
	case tool.needs&anyHeader != 0:
	case p.profile.Header != "":
		return protocol.Policy("profile " + p.name + ": " + name + " can only send Authorization, not " + p.profile.Header)
	case p.profile.Scheme != "Bearer" && tool.needs&anyScheme == 0:
		return protocol.Policy("profile " + p.name + ": " + name + " can only send the scheme Bearer")
	}
	return nil
}
