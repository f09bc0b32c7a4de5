package wiring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// A toolLink lets a tool that cannot pass arguments call credhelper: the dialect,
// and perhaps the profile, are in its name.
type toolLink struct {
	path   string
	target string // the credhelper that it leads to

	// users are the files that need the link, as long as they hold the word.
	users []string
	word  string

	inPath bool // the tool looks for it in PATH
}

// apply makes the link, and reports whether it was not there. A file that is not a
// link of ours is never replaced.
func (l toolLink) apply() (changed bool, err error) {
	old, err := os.Readlink(l.path)
	switch {
	case err == nil && old == l.target:
		return false, nil
	case err == nil && isOurs(old):
		// Another credhelper, or one that has moved.
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
			return false, err
		}
	default:
		return false, &protocol.Error{Kind: protocol.ErrPolicy, Text: l.path + " exists and is not a link to credhelper"}
	}
	temp := filepath.Join(filepath.Dir(l.path), "."+filepath.Base(l.path)+".new")
	_ = os.Remove(temp)
	if err := os.Symlink(l.target, temp); err != nil {
		return false, err
	}
	return true, os.Rename(temp, l.path)
}

// undo removes the link, unless something else still needs it.
func (l toolLink) undo() (changed bool, err error) {
	old, err := os.Readlink(l.path)
	if err != nil || !isOurs(old) {
		return false, nil
	}
	for _, user := range l.users {
		text, _, err := readConfig(user)
		if err == nil && strings.Contains(text, l.word) {
			return false, nil
		}
	}
	return true, os.Remove(l.path)
}

// isOurs reports whether a link's target is a credhelper, by its name.
func isOurs(target string) bool {
	return strings.TrimSuffix(filepath.Base(target), ".exe") == "credhelper"
}
