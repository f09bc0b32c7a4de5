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
	add  func(text string) (string, error) // the file with our part; the same text if it has it
	drop func(text string) (string, error) // the file without our part, whatever it says

	// trace is what remains of our part when the tool wrote the file anew and
	// dropped the comments around it; manual says how to take that out.
	trace, manual string
}

// unless is the edit where err says that the tool would not read what it adds. It can
// still be taken back.
func (e fileEdit) unless(err error) fileEdit {
	e.add = func(string) (string, error) { return "", err }
	return e
}

// backupSuffix names the copy of a file as it was before setup first touched it.
const backupSuffix = ".before-credhelper"

// configLimit bounds the configuration files that setup edits.
const configLimit = 4 << 20

// conflict is a file that already says something else.
func conflict(text string) error {
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: text, Hint: "nothing was changed; run setup without --write and do it by hand"}
}

// check reports whether apply would find a file that it can change.
func (e fileEdit) check() error {
	now, _, err := readConfig(e.path)
	if err == nil {
		_, err = e.renewed(now)
	}
	return err
}

// apply adds the edit's part, and reports whether that changed anything. The file
// as it was is kept beside it, until --remove.
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

// renewed is the file with our part as it is now, an older form of it taken out.
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

// undo takes the edit's part out again. A file that nobody changed since gets
// every byte back that it had; one that setup made is removed.
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

// isBlank reports whether a file says nothing any more.
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

// writeConfig replaces a file whole, keeping its mode; a link to it stays one.
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
		return err
	}
	_, err = temp.WriteString(text)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
