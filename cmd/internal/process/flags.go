package process

import (
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// engineFlags are the flags of credhelper's own dialects that only the engine handles:
// help, verbosity, and those of --no-store. The front executes the engine for a call
// with one of them.
var engineFlags = [...]struct {
	name  string
	value bool // it takes a value
}{
	{"-h", false}, {"--help", false}, {"-v", false}, {"--verbose", false},
	{"--or-cached", false}, {"--no-store", false}, {"--secret-stdin", false}, {"--secret-file", true}, {"--key-file", true},
}

// EngineFlags returns the names of these flags.
func EngineFlags() (names []string) {
	for _, f := range engineFlags {
		names = append(names, f.name)
	}
	return names
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

// CutEngineFlags removes these flags from the arguments before "--", and calls set with
// each flag and its value. It returns the first error of set, or one that wraps
// ErrMalformed if a flag lacks its value.
func CutEngineFlags(args []string, set func(name, value string) error) (rest []string, err error) {
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return slices.Concat(rest, args[i:]), nil
		}
		name, value, joined := strings.Cut(args[i], "=")
		known := false
		for _, f := range engineFlags {
			if f.name != name {
				continue
			}
			if known = true; f.value && !joined {
				if i++; i == len(args) {
					return nil, protocol.Malformed(name + " needs a value")
				}
				value = args[i]
			}
		}
		if !known {
			rest = append(rest, args[i])
		} else if err := set(name, value); err != nil {
			return nil, err
		}
	}
	return rest, nil
}
