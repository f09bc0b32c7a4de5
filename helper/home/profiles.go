package home

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Profiles are in the user's directory and in the system's; of two with the same name
// the user's is used. The current directory is never read (T4).

func (h *Home) profileDirs() []string {
	return configfile.Dirs(h.Dirs.Profiles(), h.Dirs.System, "profiles")
}

// ProfileNames lists the names of the profiles' files, in ascending order, without
// reading them. A copy such as "work (2).toml" is not included (Strays).
func (h *Home) ProfileNames() ([]string, error) {
	files, err := configfile.List(h.profileDirs())
	if err != nil {
		return nil, err
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Name
	}
	return names, nil
}

// Strays returns a note about files among the profiles that are skipped because their
// names are not valid; "" if there are none.
func (h *Home) Strays() string {
	var paths []string
	for _, dir := range h.profileDirs() {
		names, _ := configfile.Names(dir)
		for _, name := range names {
			if !protocol.ValidProfile(name) {
				paths = append(paths, configfile.Path(dir, name))
			}
		}
	}
	switch len(paths) {
	case 0:
		return ""
	case 1:
		return printable.Line("not the name of a profile, and passed over: " + paths[0])
	}
	return printable.Line(fmt.Sprintf("not the names of profiles, and passed over: %s and %d more", paths[0], len(paths)-1))
}

// Profile reads the profile of that name. For an unknown name the error is
// protocol.ErrUnknown, with the nearest known name as hint.
func (h *Home) Profile(name string) (*config.Profile, error) {
	r, err := h.resolver()
	if err != nil {
		return nil, err
	}
	return h.read(r, name)
}

// Profiles reads every profile, in ascending order of names, and returns the errors of
// invalid files.
func (h *Home) Profiles() (all []*config.Profile, problems []error) {
	names, err := h.ProfileNames()
	if err != nil {
		return nil, []error{err}
	}
	r, err := h.resolver()
	if err != nil {
		return nil, []error{err}
	}
	for _, name := range names {
		p, err := h.read(r, name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		all = append(all, p)
	}
	return all, problems
}

// resolver returns a resolver with the current settings.
func (h *Home) resolver() (*config.Resolver, error) {
	settings, err := h.Settings()
	return &config.Resolver{Settings: settings, Preset: h.Preset, Sources: h.variables.note}, err
}

// EachProfile reads the profiles of these names, in their order, and their settings and
// presets only once.
func (h *Home) EachProfile(names []string) iter.Seq2[*config.Profile, error] {
	return func(yield func(*config.Profile, error) bool) {
		r, err := h.resolver()
		for _, name := range names {
			var p *config.Profile
			failed := err
			if failed == nil {
				p, failed = h.read(r, name)
			}
			if !yield(p, failed) {
				return
			}
		}
	}
}

// brokenFile is the file of an invalid profile. Without the name of a profile it is
// about all of them.
type brokenFile struct {
	*cache.FileOrigins
	err error
}

// names reports whether an invalid profile names the host of a URL.
func (b brokenFile) names(u origin.URL) bool {
	exact, wildcard := origin.RouteKeys(u)
	return slices.Contains(b.Origins, exact) || wildcard != "" && slices.Contains(b.Origins, wildcard)
}

// read finds, reads and stamps one profile. It takes the stamps before it reads, so
// that a concurrent change shows.
func (h *Home) read(r *config.Resolver, name string) (*config.Profile, error) {
	if !protocol.ValidProfile(name) {
		return nil, &protocol.Error{Kind: protocol.ErrUnknown, Text: "not a profile name: " + printable.Value(name),
			Hint: "a name is 1 to 64 lower-case letters, digits, '-', '_', '.'"}
	}
	for _, dir := range h.profileDirs() {
		path := configfile.Path(dir, name)
		stamps := h.stamps(path)
		content, err := configfile.Read(path, configfile.MaxSize)
		p, _, err := resolve(r, name, path, content, err)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		stamps.add(h.presetPath(p))
		stamps.add(p.CAFile)
		p.Stamps = stamps.trusted()
		return p, nil
	}
	return nil, h.unknownProfile(name)
}

// resolve makes a profile of what was read of its file. If the profile is invalid it
// returns the content with the error; nil if the file could not be read. A missing file
// is fs.ErrNotExist.
func resolve(r *config.Resolver, name, path string, read []byte, failed error) (p *config.Profile, content []byte, err error) {
	switch {
	case errors.Is(failed, fs.ErrNotExist):
		return nil, nil, failed
	case failed != nil:
		return nil, nil, protocol.About("profile "+name, failed, "")
	}
	if p, err = r.Profile(name, path, read); err != nil {
		return nil, read, err
	}
	p.File = path
	return p, read, nil
}

// presetPath returns the path of the profile's preset, or the path that one of the
// user's would have; "" if the profile has none.
func (h *Home) presetPath(p *config.Profile) string {
	if p.Preset == "" || p.PresetFile != "" {
		return p.PresetFile
	}
	return configfile.Path(h.Dirs.Presets(), p.Preset)
}

func (h *Home) unknownProfile(name string) error {
	e := &protocol.Error{Kind: protocol.ErrUnknown, Text: "no profile " + name, Hint: "make it: credhelper add " + name}
	names, _ := h.ProfileNames()
	listed := map[string]bool{}
	for _, n := range names {
		listed[n] = true
	}
	if near := configfile.Nearest(name, listed); near != "" {
		e.Hint = "did you mean " + near + "?"
	} else if len(names) > 0 {
		e.Hint = printable.Line("there are " + strings.Join(names[:min(len(names), 20)], ", ") + "; to make it: credhelper add " + name)
	}
	return e
}

// stampList collects the stamps for an entry or a route.
type stampList struct {
	home  *Home
	list  []cache.Stamp
	blind bool // one of them might not show a further change
}

// stamps stamps the files that every entry and route depends on, and paths.
func (h *Home) stamps(paths ...string) *stampList {
	s := &stampList{home: h}
	for _, path := range h.Dirs.Configuration() {
		s.add(path)
	}
	for _, path := range paths {
		s.add(path)
	}
	return s
}

func (s *stampList) add(path string) {
	if path == "" {
		return
	}
	stamp, trusted := cache.TakeStamp(path, s.home.Now())
	s.list = append(s.list, stamp)
	s.blind = s.blind || !trusted
}

// trusted returns the stamps, or nil if one of them might not show a further change.
func (s *stampList) trusted() []cache.Stamp {
	if s.blind {
		return nil
	}
	return s.list
}
