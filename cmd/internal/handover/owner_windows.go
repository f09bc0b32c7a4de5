package handover

import (
	"io/fs"
	"os"
)

// owner is ours: this system has no such numbers.
func owner(fs.FileInfo) int { return os.Getuid() }
