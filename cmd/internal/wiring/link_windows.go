package wiring

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/credhelper/credhelper/protocol"
)

// Paths are written with slashes, which each tool accepts: some take a backslash for an
// escape.
const (
	windows = true
	exe     = ".exe"
)

// makeLink copies credhelper beside itself, where it finds the engine and no privilege is
// needed; a hard link could not be removed while credhelper runs. Elsewhere only a
// symbolic link leads to the engine, and Windows allows that to administrators and in
// developer mode.
func makeLink(target, path string) error {
	if beside(target, path) {
		content, err := os.ReadFile(target)
		if err != nil {
			return err
		}
		return os.WriteFile(path, content, 0o755)
	}
	if err := os.Symlink(target, path); err != nil {
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: "Windows makes no symbolic link " + path,
			Hint: "turn on developer mode, or do it as an administrator",
		}
	}
	return nil
}

// linkTarget returns what a link leads to. A copy has no target of its own: what has its
// name beside credhelper was made by setup, maybe from the credhelper before this.
func linkTarget(path, target string) (string, error) {
	if to, err := os.Readlink(path); err == nil {
		return to, nil
	}
	there, err := os.ReadFile(path)
	switch {
	case err != nil:
		return "", err
	case !beside(target, path):
		return "", os.ErrInvalid
	}
	if ours, err := os.ReadFile(target); err == nil && bytes.Equal(there, ours) {
		return target, nil
	}
	return "before/" + filepath.Base(target), nil
}

// linkLines returns the lines that make the link in PowerShell.
func linkLines(l toolLink) string {
	if beside(l.target, l.path) {
		return "Copy-Item " + typed(l.target) + " " + typed(l.path) + "\n"
	}
	return "New-Item -Force -ItemType Directory " + typed(filepath.Dir(l.path)) + " | Out-Null\n" +
		"New-Item -ItemType SymbolicLink -Path " + typed(l.path) + " -Target " + typed(l.target) + "\n"
}

func beside(a, b string) bool {
	return filepath.Dir(filepath.FromSlash(a)) == filepath.Dir(filepath.FromSlash(b))
}
