package config

import (
	"fmt"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
)

// bundle is the content of an exported document: profiles by name.
type bundle struct {
	Version  int             `toml:"credhelper"`
	Profiles map[string]File `toml:"profiles"`
}

const bundleVersion = 1

// WriteBundle encodes profiles as one TOML document, each with the values that its
// secret is bound to.
func WriteBundle(profiles []*Profile) ([]byte, error) {
	all := bundle{bundleVersion, map[string]File{}}
	for _, p := range profiles {
		all.Profiles[p.Name] = p.settled()
	}
	text, err := configfile.Marshal(all)
	return append([]byte("# credhelper profiles, without their secrets\n"), text...), err
}

// ReadBundle decodes the output of WriteBundle, possibly from another machine. allow is
// called for each key that refers to this machine; its error ends the reading. A nil
// allow refuses all.
func ReadBundle(text []byte, allow func(profile string, s Source) error) (map[string]File, error) {
	const largest = 1 << 20
	if len(text) > largest {
		return nil, protocol.Malformed("the document is too large to be an export")
	}
	var all bundle
	d, err := configfile.Parse("import", text, &all)
	if err != nil {
		return nil, err
	}
	if all.Version != bundleVersion || len(all.Profiles) == 0 {
		return nil, protocol.Malformed("the document is no export of credhelper's profiles")
	}
	return all.Profiles, checkSources(d, all.Profiles, allow)
}

// checkSources calls allow for each key of the document that refers to this machine, or
// refuses the first.
func checkSources(d *configfile.Document, profiles map[string]File, allow func(string, Source) error) error {
	first, key, count := 0, "", 0
	for _, name := range sortedKeys(profiles) {
		f := profiles[name]
		for _, s := range f.sources() {
			if s.inKeyring() {
				continue
			}
			if allow != nil {
				if err := allow(name, s); err != nil {
					return err
				}
				continue
			}
			here := "profiles." + configfile.Quoted(name) + "." + s.Key
			if line := d.Line(here); count == 0 || line < first {
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
	e := d.Wrong(key, "a document may not say what to run or read on this machine%s; nothing was added", more).(*protocol.Error)
	e.Hint = "if you trust it, look at each and agree to it: credhelper import FILE --allow-local-sources"
	return e
}
