package main

import "os"

// hasReader is always true: this system has no way to find out.
func hasReader(*os.File) bool { return true }
