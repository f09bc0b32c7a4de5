package process

import "strings"

// EngineFlag reports whether an argument of one of credhelper's own words is a flag
// that only the engine knows: help, and what belongs to --no-store.
func EngineFlag(arg string) bool {
	switch name, _, _ := strings.Cut(arg, "="); name {
	case "-h", "--help", "--no-store", "--secret-stdin", "--secret-file":
		return true
	}
	return false
}
