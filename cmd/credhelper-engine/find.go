package main

import (
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// findProgram finds a program in the absolute entries of PATH: a relative one
// would be whatever lies in the current directory (T5).
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
