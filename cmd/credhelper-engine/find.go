package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// findProgram finds a program in the absolute entries of PATH; a relative entry would
// depend on the current directory (T5).
func (s *session) findProgram(name string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
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

// absolutePath returns PATH without its relative entries, for a library that searches
// it: the current directory must not matter (T5), not even with GODEBUG=execerrdot=0,
// which a //go:debug line cannot override.
func absolutePath(path string) string {
	parts := slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool { return !filepath.IsAbs(dir) })
	return strings.Join(parts, string(filepath.ListSeparator))
}
