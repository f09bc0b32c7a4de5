package private

import "golang.org/x/sys/unix"

// OnTmpfs reports whether the content of the directory ends with the machine's uptime.
func (d Dir) OnTmpfs() bool {
	var st unix.Statfs_t
	return unix.Fstatfs(d.fd, &st) == nil && st.Type == unix.TMPFS_MAGIC
}
