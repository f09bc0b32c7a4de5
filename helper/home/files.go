package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/private"
)

// suffix ends the names of the files of profiles and presets.
const suffix = ".toml"

// maxConfig is the most bytes that a profile, a preset or the settings may have.
const maxConfig = 64 << 10

// namesIn lists the TOML files of a directory without their suffix, in ascending
// order. Hidden files, Kubernetes' "..data" among them, are not ours.
func namesIn(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, config.Unreadable(dir, err)
	}
	var names []string
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), suffix)
		if ours && name != "" && name[0] != '.' && !e.IsDir() {
			names = append(names, name)
		}
	}
	return names, nil
}

// writeOwn puts a file of ours in place, whole or not at all, with mode 0600. Its
// directory is made with mode 0700 if there is none. A link in its place is
// replaced, not followed: what it points to is somebody's else.
func (h *Home) writeOwn(path string, content []byte) error {
	return changeIn(path, func(d private.Dir, name string) error {
		d.Sweep(h.Now())
		return d.ReplaceAndSync(name, content)
	})
}

// removeOwn removes a file of ours for good.
func removeOwn(path string) error {
	return changeIn(path, func(d private.Dir, name string) error {
		if err := d.Remove(name); err != nil {
			return err
		}
		return d.Sync()
	})
}

// changeIn changes a file in its directory, which is made if there is none.
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
	return policy("cannot write " + path + ": " + err.Error())
}
