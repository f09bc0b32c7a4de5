package guest

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Guests are in the user's directory and in the system's; of two with the same name the
// user's is used.

// filesOf lists the files that would be guests, in ascending order of names.
func filesOf(h *helper.Helper) ([]configfile.File, error) {
	return configfile.List(configfile.Dirs(h.Dirs.Guests(), h.Dirs.System, "guests"))
}

// read reads a guest's file. A missing file is fs.ErrNotExist.
func read(f configfile.File) (*Guest, error) {
	content, err := configfile.Read(f.Path, configfile.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var g *Guest
	if err == nil {
		g, err = parse(f.Name, f.Path, content)
	}
	if err != nil {
		return nil, protocol.About("guest "+f.Name, err, "remove it: credhelper lend --revoke "+f.Name)
	}
	return g, nil
}

// needsSeal reports whether a file counts only with our seal: not one of the system that
// only root could have written.
func needsSeal(f configfile.File) bool { return f.Place == 0 || !trust.RootOwned(f.Path) }

// Read reads the guest of that name, whether or not it is accepted. For an unknown name
// the error is protocol.ErrUnknown.
func Read(h *helper.Helper, name string) (*Guest, error) {
	files, err := filesOf(h)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, f := range files {
		if names[f.Name] = true; f.Name == name {
			return read(f)
		}
	}
	e := &protocol.Error{Kind: protocol.ErrUnknown, Text: "no guest " + printable.Value(name), Hint: "see which there are: credhelper lend"}
	if near := configfile.Nearest(name, names); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return nil, e
}

// remove removes a guest's file, valid or not. One of the system must be removed there.
func remove(h *helper.Helper, name string) error {
	files, err := filesOf(h)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(files, func(f configfile.File) bool { return f.Name == name })
	if i >= 0 && files[i].Place > 0 {
		return protocol.Policy(files[i].Path + " is the system's; remove it there")
	}
	return configfile.Remove(pathOf(h, name))
}

// pathOf returns the path of a guest's file in the user's directory.
func pathOf(h *helper.Helper, name string) string {
	return configfile.Path(h.Dirs.Guests(), cmp.Or(name, "-"))
}
