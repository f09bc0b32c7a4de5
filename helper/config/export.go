package config

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/credhelper/credhelper/protocol"
)

// Export writes profiles, never secrets, as one TOML document: a table of
// profiles by name. Without names it writes all.
func (h *Home) Export(names ...string) ([]byte, error) {
	if len(names) == 0 {
		var err error
		if names, err = h.ProfileNames(); err != nil {
			return nil, err
		}
	}
	all := bundle{Version: bundleVersion, Profiles: map[string]File{}}
	for _, name := range names {
		p, err := h.Profile(name)
		if err != nil {
			return nil, err
		}
		f := p.file
		f.settle(p)
		all.Profiles[name] = f
	}
	text, err := toml.Marshal(all)
	return append([]byte("# credhelper profiles, without their secrets\n"), text...), err
}

type bundle struct {
	Version  int             `toml:"credhelper"`
	Profiles map[string]File `toml:"profiles"`
}

const bundleVersion = 1

// Import adds the profiles of an exported document. Each is checked as strictly
// as one that was typed, and either all are added or none. It returns their
// names; their secrets are stored afterwards.
//
// The document may be somebody else's, and what it names on this machine would run
// here, or be sent to the server that it names. So before anything is read allow is
// asked about each member that names such a place; its error ends the import. A nil
// allow refuses them all.
func (h *Home) Import(text []byte, allow func(profile string, s Source) error) ([]string, error) {
	if len(text) > 16*maxConfig {
		return nil, malformed("the document is too large to be an export")
	}
	var all bundle
	d, err := readDocument("import", text, &all)
	if err != nil {
		return nil, err
	}
	if all.Version != bundleVersion || len(all.Profiles) == 0 {
		return nil, malformed("the document is no export of credhelper's profiles")
	}
	if err := d.checkSources(all.Profiles, allow); err != nil {
		return nil, err
	}
	var drafts []*Profile
	for _, name := range sortedKeys(all.Profiles) {
		p, err := h.imported(name, all.Profiles[name], drafts)
		if err != nil {
			return nil, about(name, err)
		}
		drafts = append(drafts, p)
	}
	var done []string
	for _, p := range drafts {
		if err := h.writeOwn(h.pathOf(p.Name), p.text); err != nil {
			for _, name := range done {
				_ = removeOwn(h.pathOf(name))
			}
			return nil, err
		}
		done = append(done, p.Name)
	}
	return done, nil
}

// checkSources asks allow about each member of the document that names a place on
// this machine, or refuses the first of them in the document.
func (d *document) checkSources(profiles map[string]File, allow func(string, Source) error) error {
	first, key, count := 0, "", 0
	for _, name := range sortedKeys(profiles) {
		f := profiles[name]
		for _, s := range f.sources() {
			if s.InKeyring() {
				continue
			}
			if allow != nil {
				if err := allow(name, s); err != nil {
					return err
				}
				continue
			}
			here := "profiles." + strings.ReplaceAll(name, ".", quotedDot) + "." + s.Key
			if line := d.lines[here]; count == 0 || line < first {
				first, key = line, here
			}
			count++
		}
	}
	if count == 0 {
		return nil
	}
	more := ""
	if count > 1 {
		more = fmt.Sprintf(" (and %d more such members)", count-1)
	}
	e := d.wrong(key, "a document may not say what to run or read on this machine%s; nothing was added", more).(*protocol.Error)
	e.Hint = "if you trust it, look at each and agree to it: credhelper import FILE --allow-local-sources"
	return e
}

// imported is one profile of an export, beside those before it.
func (h *Home) imported(name string, f File, before []*Profile) (*Profile, error) {
	p, err := h.Draft(name, f)
	if err != nil {
		return nil, err
	}
	for _, other := range before {
		if o, both := shared(p, other); both {
			return nil, &protocol.Error{Kind: protocol.ErrAmbiguous, Text: "it and " + other.Name + " both claim " + o}
		}
	}
	return p, h.CheckNew(p)
}
