package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/protocol"
)

// findProgram finds a program in the absolute entries of PATH; a relative entry would
// depend on the current directory (T5).
func (s *session) findProgram(name string) (string, error) {
	if isPath(name) {
		if _, err := exec.LookPath(name); err != nil {
			return "", inner.CannotRun(name, err)
		}
		return name, nil
	}
	for _, dir := range filepath.SplitList(s.env("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", &protocol.Error{Kind: protocol.ErrMalformed, Text: name + " is not in any absolute directory of PATH"}
}

// isPath reports whether a program is named by its path. On Windows / separates, too.
func isPath(name string) bool { return filepath.Base(name) != name }

// findTyped is findProgram for what a person typed, who may have left out the ./ of a file
// in the current directory. Nothing there is run.
func (s *session) findTyped(name string) (string, error) {
	path, err := s.findProgram(name)
	var missing *protocol.Error
	if isPath(name) || !errors.As(err, &missing) {
		return path, err
	}
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		missing.Hint = "did you mean ." + string(filepath.Separator) + name + "?"
	}
	return "", missing
}

// absolutePath returns PATH without its relative entries, for a library that searches
// it: the current directory must not matter (T5), not even with GODEBUG=execerrdot=0,
// which a //go:debug line cannot override.
func absolutePath(path string) string {
	parts := slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool { return !filepath.IsAbs(dir) })
	return strings.Join(parts, string(filepath.ListSeparator))
}
