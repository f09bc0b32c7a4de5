package helper

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

// maxConfig is the most octets that a profile, a preset or the settings may have.
const maxConfig = 64 << 10

// suffix ends the names of profiles and presets.
const suffix = ".toml"

// readProvided reads a file of the configuration, which root or we may provide
// and nobody else may write (T14). A missing file is fs.ErrNotExist.
func readProvided(path string, limit int) ([]byte, error) {
	content, err := private.ReadProvided(path, limit)
	switch {
	case err == nil:
		return content, nil
	case errors.Is(err, private.ErrUnsafe), errors.Is(err, private.ErrNowhere):
		return nil, policy(err.Error())
	case errors.Is(err, private.ErrTooLarge):
		return nil, policy(path + " is too large to be configuration")
	}
	return nil, unreadable(path, err)
}

// unreadable keeps fs.ErrNotExist and makes a policy error of the rest.
func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return policy("cannot read " + path + ": " + err.Error())
}

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
		return nil, unreadable(dir, err)
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
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unwritable(path, err)
	}
	sweepTemps(dir, h.Now())
	f, err := os.CreateTemp(dir, tempPrefix+"*") // 0600, O_EXCL
	if err != nil {
		return unwritable(path, err)
	}
	temp := f.Name()
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o600) // whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return unwritable(path, err)
	}
	return syncDirectory(dir)
}

// tempPrefix begins the names of files that are not finished yet; namesIn does not
// see them.
const tempPrefix = ".new-"

// sweepTemps removes what killed processes left more than an hour ago (F1).
func sweepTemps(dir string, now time.Time) {
	left, _ := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && now.Sub(info.ModTime()) > time.Hour {
			_ = os.Remove(path)
		}
	}
}

// syncDirectory makes a rename last. Not every file system can; then it is as
// lasting as that one makes it.
func syncDirectory(dir string) error {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		return d.Close()
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
