package cache

import "os"

func stampOf(path string) Stamp {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{Path: path}
	}
	// There is no ctime here: use the time of the last write, and any inode for
	// "exists".
	return Stamp{Path: path, Inode: 1, Ctime: info.ModTime().UnixNano(), Size: info.Size()}
}
