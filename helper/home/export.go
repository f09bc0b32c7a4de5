package home

import (
	"maps"
	"slices"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
)

// Export encodes profiles, without secrets, as one TOML document: a table of profiles
// by name. Without names it exports all.
func (h *Home) Export(names ...string) ([]byte, error) {
	if len(names) == 0 {
		var err error
		if names, err = h.ProfileNames(); err != nil {
			return nil, err
		}
	}
	var all []*config.Profile
	for _, name := range names {
		p, err := h.Profile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return config.WriteBundle(all)
}

// Import adds the profiles of an exported document: all of them or none. Each is
// checked as strictly as one that was typed. It returns their names; their secrets are
// stored afterwards.
//
// The document may come from someone else, and its references to this machine could run
// a program here, or send a file to a server. So before anything is read, allow is
// called for each key with such a reference; its error ends the import. A nil allow
// refuses all.
func (h *Home) Import(text []byte, allow func(profile string, s config.Source) error) ([]string, error) {
	all, err := config.ReadBundle(text, allow)
	if err != nil {
		return nil, err
	}
	var drafts []*config.Profile
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p, err := h.imported(name, all[name], drafts)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, p)
	}
	var done []string
	for _, p := range drafts {
		if err := configfile.Write(h.pathOf(p.Name), p.Text(), h.Now()); err != nil {
			for _, name := range done {
				_ = configfile.Remove(h.pathOf(name))
			}
			return nil, err
		}
		done = append(done, p.Name)
	}
	return done, nil
}

// imported returns one profile of a document, checked against the others.
func (h *Home) imported(name string, f config.File, before []*config.Profile) (*config.Profile, error) {
	p, err := h.Draft(name, f)
	if err != nil {
		return nil, err
	}
	for _, other := range before {
		if o, both := shared(p, other); both {
			return nil, &protocol.Error{Kind: protocol.ErrAmbiguous, Text: "profile " + name + ": it and " + other.Name + " both claim " + o}
		}
	}
	return p, h.CheckNew(p)
}
