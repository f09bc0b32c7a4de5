package private

import "golang.org/x/sys/unix"

// OnTmpfs reports whether what the directory holds ends with the machine's uptime.
func (d Dir) OnTmpfs() bool {
	var st unix.Statfs_t
	return unix.Fstatfs(d.fd, &st) == nil && st.Type == unix.TMPFS_MAGIC
}
