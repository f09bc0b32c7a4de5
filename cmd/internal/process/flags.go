package process

import (
	"slices"
	"strings"
)

// engineFlags are the flags of credhelper's own words that only the engine knows:
// help, what happens, and what belongs to --no-store. The front hands over a call that has one.
var engineFlags = [...]struct {
	name  string
	value bool // it takes one
}{
	{"-h", false}, {"--help", false}, {"-v", false}, {"--verbose", false},
	{"--or-cached", false}, {"--no-store", false}, {"--secret-stdin", false}, {"--secret-file", true}, {"--key-file", true},
}

// EngineFlag reports whether an argument is one of these flags.
func EngineFlag(arg string) bool {
	name, _, _ := strings.Cut(arg, "=")
	for _, f := range engineFlags {
		if f.name == name {
			return true
		}
	}
	return false
}

// CutEngineFlags takes these flags off the arguments, up to "--", and calls set with
// each and its value. It returns the first error of set, or one that wraps
// ErrMalformed for a flag without its value.
func CutEngineFlags(args []string, set func(name, value string) error) (kept []string, err error) {
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return slices.Concat(kept, args[i:]), nil
		}
		name, value, joined := strings.Cut(args[i], "=")
		known := false
		for _, f := range engineFlags {
			if f.name != name {
				continue
			}
			if known = true; f.value && !joined {
				if i++; i == len(args) {
					return nil, malformed(name + " needs a value")
				}
				value = args[i]
			}
		}
		if !known {
			kept = append(kept, args[i])
		} else if err := set(name, value); err != nil {
			return nil, err
		}
	}
	return kept, nil
}
