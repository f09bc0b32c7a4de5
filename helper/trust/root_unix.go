//go:build unix

package trust

import "golang.org/x/sys/unix"

// RootOwned reports whether a file is root's, no link, and nobody else can write to it.
func RootOwned(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Uid == 0 && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o022 == 0
}
