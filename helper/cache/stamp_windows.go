package cache

import "os"

// Untried: this system is cross-compiled and vetted only.

func stampOf(path string) Stamp {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{Path: path}
	}
	// No ctime here: the time of the last write, and any number for "exists".
	return Stamp{Path: path, Inode: 1, Ctime: info.ModTime().UnixNano(), Size: info.Size()}
}
