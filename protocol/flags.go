package protocol

import (
	"cmp"
	"strings"

	"github.com/credhelper/credhelper/protocol/printable"
)

// flagTable has the flags that credhelper's own dialects share.
var flagTable = [...]struct {
	name  string
	value bool // it takes a value
}{
	{"--refresh", false}, {"--json", false},
	// A tool's call never prompts, and has nothing more to report.
	{"--no-input", false}, {"-v", false}, {"--verbose", false},
	{"--profile", true}, {"--format", true}, {"--min-ttl", true}, {"--timeout", true}, {"--scope", true}, {"--audience", true},
}

// Flags returns the names of these flags.
func Flags() (names []string) {
	for _, f := range flagTable {
		names = append(names, f.name)
	}
	return names
}

// flags are the flags of a call.
type flags struct {
	profile string
	format  string
	minTTL  int64 // seconds
	timeout int64 // seconds
	refresh bool
	json    bool
	narrow  Narrowing
	args    []string // the remaining arguments
}

// parseFlags parses flags and arguments in any order; "--" ends the flags. No flag
// carries a secret (T6).
func parseFlags(args []string) (flags, error) {
	var f flags
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			f.args = append(f.args, args...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			f.args = append(f.args, arg)
			continue
		}
		name, value, joined := strings.Cut(arg, "=")
		takesValue, err := f.set(name)
		if err != nil {
			return f, err
		}
		switch {
		case !takesValue && joined:
			return f, Malformed(name + " takes no value")
		case !takesValue:
			continue
		case !joined && len(args) == 0:
			return f, Malformed(name + " needs a value")
		case !joined:
			value, args = args[0], args[1:]
		}
		if err := f.setValue(name, value); err != nil {
			return f, err
		}
	}
	return f, nil
}

// commonFlags parses the arguments of a dialect that has the common flags but no format
// of its own, and returns the remaining arguments.
func commonFlags(call Call) (Request, []string, error) {
	f, err := parseFlags(call.Args)
	if err != nil {
		return Request{}, nil, err
	}
	if f.format != "" {
		return Request{}, nil, Malformed("this answer has one form only")
	}
	r, err := f.request(call)
	return r, f.args, err
}

// request makes a request from the flags and the executable's name. Two different names
// of a profile are an error, not a choice (O14).
func (f *flags) request(call Call) (Request, error) {
	if f.profile != "" && call.Profile != "" && f.profile != call.Profile {
		return Request{}, Malformed("two profiles named: " + call.Profile + " and " + f.profile)
	}
	r := Request{Verb: Get, Profile: f.profile, MinTTL: f.minTTL, Refresh: f.refresh, Timeout: f.timeout, Narrowing: f.narrow}
	if r.Profile == "" {
		r.Profile = call.Profile
	}
	return r, nil
}

// operation returns the first argument that is not a flag, which a tool appends to the
// configured arguments; "" if there is none.
func operation(args []string) string {
	f, err := parseFlags(args)
	if err != nil || len(f.args) == 0 {
		return ""
	}
	return f.args[0]
}

// set sets a flag without a value, or reports that the flag takes one.
func (f *flags) set(name string) (takesValue bool, err error) {
	switch name {
	case "--refresh":
		f.refresh = true
	case "--json":
		f.json = true
	}
	for i := range flagTable {
		if flagTable[i].name == name {
			return flagTable[i].value, nil
		}
	}
	return false, &UnknownFlag{name}
}

// UnknownFlag is the error for a flag that does not exist.
type UnknownFlag struct{ Name string }

// Error implements error.
func (u *UnknownFlag) Error() string { return "unknown flag " + printable.Value(u.Name) }

// Unwrap returns it as an Error.
func (u *UnknownFlag) Unwrap() error {
	return &Error{Kind: ErrMalformed, Text: u.Error(), Hint: cmp.Or(AdviceForFlag(u.Name), "see credhelper token --help, whose flags all such calls have")}
}

// AdviceForFlag is advice about a flag that does not exist; "" if there is none.
func AdviceForFlag(name string) string {
	if strings.Contains(name, "secret") || strings.Contains(name, "password") {
		return "a secret is never an argument, and your shell's history may have this one now: it is asked for, or --secret-stdin"
	}
	return ""
}

func (f *flags) setValue(name, value string) error {
	switch name {
	case "--profile":
		if !ValidProfile(value) {
			return Malformed("--profile: not a profile's name")
		}
		f.profile = value
		return nil
	case "--format":
		f.format = value
		return nil
	case "--scope":
		return f.narrow.AddScope(value)
	case "--audience":
		return f.narrow.SetAudience(value)
	}
	seconds, ok := parseSeconds(value)
	if !ok || seconds == 0 && name == "--timeout" {
		return Malformed(name + " wants whole seconds, or a number with s, m or h")
	}
	if name == "--timeout" {
		f.timeout = seconds
	} else {
		f.minTTL = seconds
	}
	return nil
}

// parseSeconds parses "90", "90s", "5m" or "1h" as seconds, at most a week.
func parseSeconds(s string) (int64, bool) {
	unit := int64(1)
	if n := len(s); n > 1 {
		switch s[n-1] {
		case 's':
			s = s[:n-1]
		case 'm':
			s, unit = s[:n-1], 60
		case 'h':
			s, unit = s[:n-1], 3600
		}
	}
	if len(s) == 0 || len(s) > 6 {
		return 0, false
	}
	var v int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		v = v*10 + int64(s[i]-'0')
	}
	v *= unit
	return v, v <= 7*24*3600
}
