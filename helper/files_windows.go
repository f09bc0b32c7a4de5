package helper

import (
	"io/fs"
	"os"
)

// openNonblock has no counterpart here.
const openNonblock = 0

// foreignHands would have to read access control lists; it does not yet. Untried:
// this system is cross-compiled and vetted only.
func foreignHands(fs.FileInfo) string { return "" }

// openOwn opens a file of ours for appending.
func openOwn(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}
