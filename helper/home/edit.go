package home

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Draft makes a profile from a person's input, without writing it (config.Resolver).
func (h *Home) Draft(name string, f config.File) (*config.Profile, error) {
	r, err := h.resolver()
	if err != nil {
		return nil, err
	}
	return r.Draft(name, f)
}

func (h *Home) pathOf(name string) string {
	return configfile.Path(h.Dirs.Profiles(), name)
}

// CheckNew reports whether a profile of that name can be added: it must not exist, unless
// it is to be replaced, and no other may claim one of its origins equally.
func (h *Home) CheckNew(p *config.Profile) error {
	names, err := h.ProfileNames()
	if err != nil {
		return err
	}
	switch exists := slices.Contains(names, p.Name); {
	case exists && p.Replaces:
		if err := h.Removable(p.Name); err != nil {
			return err
		}
	case exists:
		e := &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + p.Name + " already exists",
			Hint: "change it: credhelper edit " + p.Name + "; store another secret: credhelper rotate " + p.Name + "; begin anew: credhelper add " + p.Name + " --replace ..."}
		if _, _, err := h.ProfileText(p.Name); err != nil {
			e.Text += ", and cannot be used: " + err.Error()
			e.Hint = "remove it first: credhelper remove " + p.Name
		}
		return e
	}
	if err := trust.FileName(h.pathOf(p.Name)); err != nil {
		return protocol.Policy(err.Error())
	}
	if err := trust.Writable(filepath.Dir(h.pathOf(p.Name))); err != nil {
		return &protocol.Error{Kind: protocol.ErrPolicy, Text: "cannot write profiles: " + err.Error(), Hint: "CREDHELPER_HOME can name another directory"}
	}
	return h.checkClaims(p)
}

// checkClaims refuses a profile with the same claim as another one (O12).
func (h *Home) checkClaims(p *config.Profile) error {
	all, _ := h.Profiles()
	for _, other := range all {
		if o, both := shared(p, other); both {
			return &protocol.Error{Kind: protocol.ErrAmbiguous,
				Text: "profiles " + p.Name + " and " + other.Name + " both claim " + o,
				Hint: "for a second account there, which is used by its name: add --by-name (in the file by_name = true); else give each a part of its own, such as --set origins=" + o + "/PATH, or change the other: credhelper edit " + other.Name}
		}
	}
	return nil
}

// WriteProfile writes a draft as a new profile.
func (h *Home) WriteProfile(p *config.Profile) error {
	if err := configfile.Write(h.pathOf(p.Name), p.Text(), h.Now()); err != nil {
		return protocol.About("profile "+p.Name, err, "")
	}
	return nil
}

// EditProfile replaces a profile's text, if the new one is valid. A profile of the
// system is copied to the user's directory.
func (h *Home) EditProfile(name string, text []byte) (*config.Profile, error) {
	r, err := h.resolver()
	if err != nil {
		return nil, err
	}
	path := h.pathOf(name)
	p, err := r.Profile(name, path, text)
	if err != nil {
		return nil, err
	}
	if err := h.checkClaims(p); err != nil {
		return nil, err
	}
	return p, configfile.Write(path, text, h.Now())
}

// ProfileText returns a profile's file, valid or not, and its path.
func (h *Home) ProfileText(name string) (text []byte, path string, err error) {
	if !protocol.ValidProfile(name) {
		return nil, "", h.unknownProfile(printable.Value(name))
	}
	for _, dir := range h.profileDirs() {
		path = configfile.Path(dir, name)
		text, err = configfile.Read(path, configfile.MaxSize)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, path, err
		}
	}
	return nil, "", h.unknownProfile(name)
}

// Removable returns nil if the profile's file is the user's own; a profile of the
// system must be removed there.
func (h *Home) Removable(name string) error {
	_, path, err := h.ProfileText(name)
	if path == "" {
		return err
	}
	if path != h.pathOf(name) {
		return protocol.Policy(path + " is the system's; remove it there")
	}
	return nil
}

// DeleteProfile deletes the profile's file.
func (h *Home) DeleteProfile(name string) error {
	return configfile.Remove(h.pathOf(name))
}
