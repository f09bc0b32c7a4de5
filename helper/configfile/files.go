// Package configfile reads and writes configuration files: TOML 1.0, one file each in
// the user's directory or the system's. It reads only files that nobody but root and the
// user could have written, and parses them strictly: an error names line and key.
//
// What the files say is the subject of package config, and of package guest.
package configfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
)

// suffix is the suffix of the files of profiles, presets and guests.
const suffix = ".toml"

// Path returns the path of the file with a name in a directory.
func Path(dir, name string) string { return filepath.Join(dir, name+suffix) }

// Dirs returns the directories of one kind of file: the user's own, and the one below
// system, unless that is "".
func Dirs(own, system, kind string) []string {
	if system == "" {
		return []string{own}
	}
	return []string{own, filepath.Join(system, kind)}
}

// File is a file in one of several directories.
type File struct {
	Name  string // without ".toml"
	Path  string
	Place int // index of the directory; 0 is the user's
}

// List lists the files in directories whose names are those of profiles, in ascending
// order of names. Of two with the same name the one in the earlier directory is used.
func List(dirs []string) (all []File, err error) {
	for place, dir := range dirs {
		names, err := Names(dir)
		if err != nil {
			return nil, err
		}
		earlier := all
		all = make([]File, 0, len(earlier)+len(names))
		for _, name := range names {
			if !protocol.ValidProfile(name) {
				continue
			}
			for len(earlier) > 0 && earlier[0].Name < name {
				all, earlier = append(all, earlier[0]), earlier[1:]
			}
			if len(earlier) == 0 || earlier[0].Name != name {
				all = append(all, File{name, Path(dir, name), place})
			}
		}
		all = append(all, earlier...)
	}
	return all, nil
}

// Names lists the TOML files of a directory without their suffix, in ascending order.
// Hidden files, such as Kubernetes' "..data", are ignored. A missing directory has none.
func Names(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := entriesIn(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "cannot " + err.Error(),
			Hint: "whoever owns it can let you list it; CREDHELPER_ETC=none leaves the administrator's out"}
	}
	if err != nil {
		return nil, protocol.Policy("cannot " + err.Error())
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), suffix)
		if ours && name != "" && name[0] != '.' && !e.IsDir() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// entriesIn lists a directory in no particular order.
func entriesIn(dir string) ([]os.DirEntry, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.ReadDir(-1)
}

// Write replaces a file of ours with mode 0600, completely or not at all. Its directory
// is created with mode 0700 if it is missing. A symbolic link is replaced, not followed:
// its target belongs to something else.
func Write(path string, content []byte, now time.Time) error {
	return changeIn(path, func(d private.Dir, name string) error {
		d.Sweep(now)
		return d.ReplaceAndSync(name, content)
	})
}

// Remove removes a file of ours durably.
func Remove(path string) error {
	return changeIn(path, func(d private.Dir, name string) error {
		if err := d.Remove(name); err != nil {
			return err
		}
		return d.Sync()
	})
}

// changeIn changes a file in its directory, which is created if it is missing.
func changeIn(path string, change func(d private.Dir, name string) error) error {
	d, err := private.Folder(filepath.Dir(path))
	if err == nil {
		err = change(d, filepath.Base(path))
		d.Close()
	}
	if err != nil {
		return protocol.Policy("cannot write " + path + ": " + cause(err).Error())
	}
	return nil
}
