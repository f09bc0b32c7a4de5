//go:build unix

package cache

import "golang.org/x/sys/unix"

func stampOf(path string) Stamp {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Stamp{Path: path}
	}
	return Stamp{
		Path:   path,
		Device: uint64(st.Dev), // int32 on darwin
		Inode:  st.Ino,
		Ctime:  st.Ctim.Nano(),
		Size:   st.Size,
	}
}
