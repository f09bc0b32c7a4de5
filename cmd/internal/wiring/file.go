package wiring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// A fileEdit changes one configuration file of a tool.
type fileEdit struct {
	path string
	show string                            // what is added, for people
	add  func(text string) (string, error) // adds our part to the file, unless it is there
	drop func(text string) (string, error) // removes our part from the file, whatever its value

	// trace is the remainder of our part in a file that the tool has rewritten without
	// comments; manual tells a person how to remove it.
	trace, manual string
}

// unless returns the edit, which can no longer be applied if err says that the tool
// would not read the addition. It can still be undone.
func (e fileEdit) unless(err error) fileEdit {
	e.add = func(string) (string, error) { return "", err }
	return e
}

// backupSuffix is the suffix of the copy that is made before setup first changes a
// file.
const backupSuffix = ".before-credhelper"

// configLimit is the maximum size of a configuration file that setup edits.
const configLimit = 4 << 20

// conflict returns the error for a file with a conflicting setting.
func conflict(text string) error {
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: text, Hint: "nothing was changed; run setup without --write and do it by hand"}
}

// check reports whether apply would find a file that it can change. It changes nothing.
func (e fileEdit) check() error {
	now, _, err := readConfig(e.path)
	if err == nil {
		_, err = e.renewed(now)
	}
	return err
}

// apply adds the edit's part, and reports whether that changed anything. It keeps a
// copy of the original file until --remove.
func (e fileEdit) apply() (changed bool, err error) {
	now, exists, err := readConfig(e.path)
	if err != nil {
		return false, err
	}
	next, err := e.renewed(now)
	if err != nil {
		return false, err
	}
	if exists && next == now {
		return false, nil
	}
	backup := e.path + backupSuffix
	if exists && (!strings.Contains(now, "credhelper") || !isFile(backup)) {
		if err := writeConfig(backup, now); err != nil {
			return false, err
		}
	}
	return true, writeConfig(e.path, next)
}

// renewed returns the file with the current form of our part, and without an older one.
func (e fileEdit) renewed(now string) (string, error) {
	next, err := e.add(now)
	if err == nil && next == now {
		return now, nil
	}
	if next, err = e.drop(now); err == nil {
		next, err = e.add(next)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", e.path, err)
	}
	return next, err
}

// undo removes the edit's part. A file that was not changed since is restored to the
// byte; a file that setup created is removed.
func (e fileEdit) undo() (changed bool, err error) {
	now, exists, err := readConfig(e.path)
	if err != nil || !exists {
		return false, err
	}
	backup := e.path + backupSuffix
	before, kept, err := readConfig(backup)
	if err != nil {
		return false, err
	}
	if kept {
		if redone, err := e.add(before); err == nil && redone == now && redone != before {
			return true, errors.Join(writeConfig(e.path, before), os.Remove(backup))
		}
	}
	left, err := e.drop(now)
	switch {
	case err != nil:
		return false, fmt.Errorf("%s: %w", e.path, err)
	case left == now:
		return false, nil
	case !kept && isBlank(left):
		return true, os.Remove(e.path)
	}
	if kept && !strings.Contains(left, "credhelper") {
		if err := os.Remove(backup); err != nil {
			return false, err
		}
	}
	return true, writeConfig(e.path, left)
}

// isBlank reports whether a file has no content left.
func isBlank(text string) bool {
	switch strings.Join(strings.Fields(text), "") {
	case "", "{}", "apiVersion:v1kind:Configusers:":
		return true
	}
	return false
}

func readConfig(path string) (text string, exists bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if !info.Mode().IsRegular() || info.Size() > configLimit {
		return "", false, &protocol.Error{Kind: protocol.ErrPolicy, Text: path + " is not a file that setup can edit"}
	}
	b, err := os.ReadFile(path)
	return string(b), true, err
}

// writeConfig replaces a file, keeping its mode; a symbolic link to it is kept.
func writeConfig(path, text string) error {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return of(path, err)
	}
	_, err = temp.WriteString(text)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return of(path, err)
}

// of names the file that was to be replaced in an error of its temporary file.
func of(path string, err error) error {
	if at := new(fs.PathError); errors.As(err, &at) {
		return &fs.PathError{Op: at.Op, Path: path, Err: at.Err}
	}
	return err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
