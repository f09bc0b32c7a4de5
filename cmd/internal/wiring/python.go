package wiring

import (
	"cmp"
	"net/url"
	"strings"
)

// pip and uv run a command named keyring, which gives a token for a URL and not for a
// host (protocol/keyringcmd.go). So if a profile is named, they are also configured
// with the https URL of its index.

// wirePip creates the link that pip runs as "keyring". It shadows Python's own command,
// so only this command creates it.
func wirePip(p *Place) (Plan, error) {
	const key = "keyring-provider"
	provider, index := key+" = subprocess\n", p.indexURL()
	if index == "" {
		edit := sectionEdit(p.pipFile(), "pip", "global", key, provider, provider)
		return Plan{
			about: "pip asks credhelper, under the name keyring, after a 401",
			links: []toolLink{p.keyringLink()},
			edits: []fileEdit{edit},
			next:  []string{"pip needs the index by its https URL, and up to 26.1 with a user name in it: https://oauth2@HOST/simple/"},
		}, nil
	}
	both := provider + "index-url = " + index + "\n"
	edit := sectionEdit(p.pipFile(), "pip", "global", key, both, both)
	alone := sectionEdit(p.pipFile(), "pip", "global", key, provider, provider)
	withIndex := edit.add
	edit.add = func(text string) (string, error) {
		if err := p.clearIndex(text); err != nil {
			return "", err
		}
		if says(edit.without(text), "index-url") {
			return alone.add(text)
		}
		return withIndex(text)
	}
	return Plan{
		about: "pip asks credhelper, under the name keyring, after a 401",
		links: []toolLink{p.keyringLink()},
		edits: []fileEdit{edit},
		next:  []string{"pip looks there for every package; where the index lies elsewhere on this host, or pip.conf has another, write it like this: index-url = " + index},
	}, nil
}

// wireUv adds the index, which uv searches before PyPI.
func wireUv(p *Place) (Plan, error) {
	const key = "keyring-provider"
	file, index := p.uvFile(), p.indexURL()
	only := onlyOnce(atTop, key, func(line string) bool { return setsKey(line, key) })
	edit := blockEdit(file, "uv", key+" = \"subprocess\"\n", only)
	w := Plan{
		about: "uv asks credhelper, under the name keyring, after a 401",
		links: []toolLink{p.keyringLink()},
		next:  []string{"uv needs the index by its https URL, with a user name in it or authenticate = \"always\": https://oauth2@HOST/simple/"},
	}
	if index != "" {
		second := blockEdit(file, "uv index", "[[index]]\nurl = "+quoted(index)+"\n", atEnd)
		first := edit
		edit.show += second.show
		edit.add = func(text string) (string, error) {
			if err := p.clearIndex(text); err != nil {
				return "", err
			}
			text, err := first.add(text)
			if err != nil || says(text, "url", quoted(index)) {
				return text, err
			}
			return second.add(text)
		}
		edit.drop = func(text string) (string, error) { return first.without(second.without(text)), nil }
		w.next = []string{"where the index lies elsewhere on this host, write it like this: url = " + quoted(index)}
	}
	w.edits = []fileEdit{edit}
	return w, nil
}

// without returns the file without our part, for an edit whose drop cannot fail.
func (e fileEdit) without(text string) string {
	left, err := e.drop(text)
	if err != nil {
		return text
	}
	return left
}

// says reports whether a line sets the key, and to the given value if there is one.
func says(text, key string, value ...string) bool {
	for line := range strings.Lines(text) {
		if _, v, _ := strings.Cut(line, "="); setsKey(line, key) && (len(value) == 0 || strings.TrimSpace(v) == value[0]) {
			return true
		}
	}
	return false
}

// clearIndex returns an error if a file has an http:// URL of one of the profile's
// hosts, which would get no token.
func (p *Place) clearIndex(text string) error {
	for line := range strings.Lines(text) {
		_, rest, found := strings.Cut(line, "http://")
		host, _, _ := strings.Cut(strings.TrimSpace(rest), "/")
		host = strings.Trim(host[strings.LastIndexByte(host, '@')+1:], `"'`)
		for _, own := range p.hosts(false) {
			if found && host == own && !p.namesPlainly(own) {
				return conflict("it names http://" + host + "/, to which no token is given: write https://")
			}
		}
	}
	return nil
}

// namesPlainly reports whether the profile has an http:// origin with this host.
func (p *Place) namesPlainly(host string) bool {
	for _, o := range p.origins() {
		if strings.HasPrefix(o.String(), "http://") && authority(o) == host {
			return true
		}
	}
	return false
}

// indexURL returns the https URL of the profile's index, with the user name that pip
// requires; "" without a profile, or if it has no https host. An index is usually at
// /simple/ (PEP 503).
func (p *Place) indexURL() string {
	rest, found := strings.CutPrefix(p.url(), "https://")
	if !found || strings.HasPrefix(rest, "HOST") {
		return ""
	}
	user := url.User(cmp.Or(p.profile.Username, "oauth2")) // the default of package protocol
	rest = strings.TrimSuffix(strings.TrimSuffix(rest, "/"), "/simple")
	return "https://" + user.String() + "@" + rest + "/simple/"
}

func (p *Place) pipFile() string {
	name := "pip.conf"
	if windows {
		name = "pip.ini"
	}
	return p.file("PIP_CONFIG_FILE", p.config("pip", name))
}
func (p *Place) uvFile() string { return p.file("UV_CONFIG_FILE", p.config("uv", "uv.toml")) }

// keyringLink returns the link that pip and uv share.
func (p *Place) keyringLink() toolLink {
	link := p.link("keyring", ">>> credhelper setup", p.pipFile(), p.uvFile())
	link.inPath = true
	return link
}
