//go:build !linux

package private

// OnTmpfs returns false: no such file system is known on this system.
func (d Dir) OnTmpfs() bool { return false }
