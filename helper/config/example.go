package config

import "runtime"

// fileSource is an example of a source, with a path as it is on this system.
func fileSource() string {
	if runtime.GOOS == "windows" {
		return `["file", "C:/path"]`
	}
	return `["file", "/path"]`
}
