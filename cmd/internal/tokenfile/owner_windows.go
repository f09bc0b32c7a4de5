package tokenfile

import "io/fs"

// Untried: this system is cross-compiled and vetted only.

// alive says yes: files of a process that may live are left alone.
func alive(int) bool { return true }

func ownedByUs(fs.FileInfo) bool { return true }

func ownedByRoot(fs.FileInfo) bool { return true }
