package main

import "os"

// hasReader: there is no asking on this system.
func hasReader(*os.File) bool { return true }
