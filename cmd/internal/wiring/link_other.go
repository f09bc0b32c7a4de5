//go:build !windows

package wiring

import (
	"os"
	"path/filepath"
)

const (
	windows = false
	exe     = "" // the end of an executable's name
)

func makeLink(target, path string) error { return os.Symlink(target, path) }

// linkTarget returns what the link at path leads to.
func linkTarget(path, _ string) (string, error) { return os.Readlink(path) }

// linkLines returns the lines that make the link in a shell.
func linkLines(l toolLink) string {
	return "mkdir -p " + typed(filepath.Dir(l.path)) + "\nln -s " + typed(l.target) + " " + typed(l.path) + "\n"
}
