//go:build !linux

package private

// OnTmpfs is false: no file system of such a kind is known here.
func (d Dir) OnTmpfs() bool { return false }
