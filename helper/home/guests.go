package home

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Guests are programs that use a profile through the door (docs/door.md), one file each
// in the user's directory, and in the system's. Of two with the same name the user's is
// used. Nothing here says whether a guest is accepted: package guest checks its seal.

func (h *Home) guestDirs() []string {
	dirs := []string{h.Dirs.Guests()}
	if h.Dirs.System != "" {
		dirs = append(dirs, filepath.Join(h.Dirs.System, "guests"))
	}
	return dirs
}

// GuestFile is a file that would be a guest.
type GuestFile struct {
	Name   string
	Path   string
	System bool // it is the administrator's
}

// GuestFiles lists the files that would be guests, in ascending order of names.
func (h *Home) GuestFiles() (all []GuestFile, err error) {
	for place, dir := range h.guestDirs() {
		names, err := namesIn(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if protocol.ValidProfile(name) {
				all = append(all, GuestFile{name, filepath.Join(dir, name+suffix), place > 0})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b GuestFile) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b GuestFile) bool { return a.Name == b.Name }), nil
}

// Read reads a guest's file. A missing file is fs.ErrNotExist.
func (f GuestFile) Read() (*config.Guest, error) {
	content, err := config.ReadProvided(f.Path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var g *config.Guest
	if err == nil {
		g, err = config.ReadGuest(f.Name, f.Path, content)
	}
	if err != nil {
		return nil, protocol.About("guest "+f.Name, err, "remove it: credhelper lend --revoke "+f.Name)
	}
	return g, nil
}

// RootOwned reports whether only root could have written the file: such a guest needs no
// seal.
func (f GuestFile) RootOwned() bool { return trust.RootOwned(f.Path) }

// Guest reads the guest of that name. For an unknown name the error is
// protocol.ErrUnknown.
func (h *Home) Guest(name string) (*config.Guest, error) {
	files, err := h.GuestFiles()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, f := range files {
		if known[f.Name] = true; f.Name == name {
			return f.Read()
		}
	}
	e := &protocol.Error{Kind: protocol.ErrUnknown, Text: "no guest " + printable.Value(name), Hint: "see which there are: credhelper lend"}
	if near := config.Nearest(name, known); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return nil, e
}

// WriteGuest writes a guest's file into the user's directory, and replaces one of that
// name.
func (h *Home) WriteGuest(name string, f config.GuestFile) error {
	text, err := f.Encode()
	if err != nil {
		return protocol.Policy("guest " + name + ": " + err.Error())
	}
	return h.writeOwn(h.guestPath(name), text)
}

// DeleteGuest deletes a guest's file, valid or not. One of the system must be removed
// there.
func (h *Home) DeleteGuest(name string) error {
	files, err := h.GuestFiles()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(files, func(f GuestFile) bool { return f.Name == name })
	if i >= 0 && files[i].System {
		return protocol.Policy(files[i].Path + " is the system's; remove it there")
	}
	return removeOwn(h.guestPath(name))
}

func (h *Home) guestPath(name string) string {
	return filepath.Join(h.Dirs.Guests(), cmp.Or(name, "-")+suffix)
}
