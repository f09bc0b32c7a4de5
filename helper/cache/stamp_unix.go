//go:build unix

package cache

import (
	"time"

	"golang.org/x/sys/unix"
)

// fresh is the age below which a ctime is not trusted: kernels advance ctime in ticks
// of up to 10 ms, so a second change in the same tick would go unnoticed.
const fresh = 10 * time.Millisecond

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
