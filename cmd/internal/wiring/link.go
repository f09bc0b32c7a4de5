package wiring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// A toolLink lets a tool that cannot pass arguments call credhelper: its name contains
// the dialect, and possibly the profile.
type toolLink struct {
	path   string
	target string // the credhelper that it points to

	// users are the files that need the link, as long as they contain word.
	users []string
	word  string

	inPath bool // the tool searches PATH for it
}

// apply creates the link, and reports whether it was missing. It never replaces a file
// that is not a link to credhelper.
func (l toolLink) apply() (changed bool, err error) {
	old, err := linkTarget(l.path, l.target)
	switch {
	case err == nil && old == l.target:
		return false, nil
	case err == nil && isOurs(old):
		// It points to another credhelper, or to one that was moved.
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
			return false, err
		}
	default:
		return false, &protocol.Error{Kind: protocol.ErrPolicy, Text: l.path + " exists and is not a link to credhelper"}
	}
	temp := filepath.Join(filepath.Dir(l.path), "."+filepath.Base(l.path)+".new")
	_ = os.Remove(temp)
	if err := makeLink(l.target, temp); err != nil {
		return false, err
	}
	return true, os.Rename(temp, l.path)
}

// undo removes the link, unless another configuration still needs it.
func (l toolLink) undo() (changed bool, err error) {
	old, err := linkTarget(l.path, l.target)
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

// isOurs reports whether a link's target is a credhelper, judged by its name, which krew
// begins with kubectl's.
func isOurs(target string) bool {
	name := strings.TrimSuffix(filepath.Base(target), ".exe")
	return name == "credhelper" || name == "kubectl-credhelper"
}
