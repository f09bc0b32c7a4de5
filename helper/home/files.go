package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
)

// suffix is the suffix of the files of profiles and presets.
const suffix = ".toml"

// maxConfig is the maximum size in bytes of a profile, a preset or the settings.
const maxConfig = 64 << 10

// namesIn lists the TOML files of a directory without their suffix, in ascending order.
// Hidden files, such as Kubernetes' "..data", are ignored.
func namesIn(dir string) ([]string, error) {
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

// writeOwn replaces a file of ours with mode 0600, completely or not at all. Its
// directory is created with mode 0700 if it is missing. A symbolic link is replaced,
// not followed: its target belongs to something else.
func (h *Home) writeOwn(path string, content []byte) error {
	return changeIn(path, func(d private.Dir, name string) error {
		d.Sweep(h.Now())
		return d.ReplaceAndSync(name, content)
	})
}

// removeOwn removes a file of ours durably.
func removeOwn(path string) error {
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
		return unwritable(path, err)
	}
	return nil
}

func unwritable(path string, err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		err = at.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return protocol.Policy("cannot write " + path + ": " + err.Error())
}
