package protocol

import "strings"

// Choose picks the dialect of a call, in this order (docs/dialects/README.md):
//
//  1. the executable's name: Link, Link-PROFILE, credhelper-WORD, credhelper-WORD-PROFILE
//  2. the first argument, which a --profile may precede because tools append theirs
//  3. a flag or variable that only one tool sets
//
// There is no default dialect: any other call is a command of a person.
func Choose(name string, args []string, env func(string) string) (*Dialect, Call, bool) {
	call := Call{Args: args, Env: env}
	if d, profile, ok := byName(strings.TrimSuffix(name, ".exe")); ok {
		call.Profile = profile
		return d, call, true
	}
	word, rest := args, args
	call.Profile, word = leadingProfile(args)
	if len(word) > 0 {
		if d := byWord(word[0]); d != nil {
			call.Args = word[1:]
			return d, call, true
		}
	}
	if d := byTrace(word, env); d != nil {
		call.Args = word
		return d, call, true
	}
	return nil, Call{Args: rest, Env: env}, false
}

// byName parses dialect and profile in an executable's name.
func byName(name string) (d *Dialect, profile string, ok bool) {
	for _, d := range Dialects {
		if d.Link == "" {
			continue
		}
		rest, ok := strings.CutPrefix(name, d.Link)
		if ok && rest == "" {
			return d, "", true
		}
		if profile, hyphen := strings.CutPrefix(rest, "-"); ok && hyphen && ValidProfile(profile) {
			return d, profile, true
		}
	}
	word, ok := strings.CutPrefix(name, "credhelper-")
	if !ok {
		return nil, "", false
	}
	if d := byWord(word); d != nil {
		return d, "", true
	}
	for i := range len(word) { // a dialect's word may contain a hyphen
		if word[i] == '-' && ValidProfile(word[i+1:]) {
			if d := byWord(word[:i]); d != nil {
				return d, word[i+1:], true
			}
		}
	}
	return nil, "", false
}

func byWord(word string) *Dialect {
	for _, d := range Dialects {
		if d.Name == word {
			return d
		}
		for _, w := range d.Words {
			if w == word {
				return d
			}
		}
	}
	return nil
}

// leadingProfile removes a --profile from the beginning of args.
func leadingProfile(args []string) (profile string, rest []string) {
	if len(args) > 1 && args[0] == "--profile" && ValidProfile(args[1]) {
		return args[1], args[2:]
	}
	if len(args) > 0 {
		if p, ok := strings.CutPrefix(args[0], "--profile="); ok && ValidProfile(p) {
			return p, args[1:]
		}
	}
	return "", args
}

// byTrace recognizes a tool, in a call without a word, by a flag or variable that only
// it sets.
func byTrace(args []string, env func(string) string) *Dialect {
	if len(args) > 0 {
		if args[0] == cargoFlag {
			return byWord("cargo")
		}
		return nil
	}
	if env("KUBERNETES_EXEC_INFO") != "" {
		return byWord("kubectl")
	}
	if env("CLAUDE_CODE_MCP_SERVER_URL") != "" {
		return byWord("mcp")
	}
	if env(cargoIndexURL) != "" {
		return &cargoFromStdout
	}
	return nil
}

// ByHand returns the usage of a tool's dialect for a person who types its word with
// --help, and nil for a call of the tool. It wraps ErrMalformed. Credhelper's own
// dialects have their own help.
func ByHand(d *Dialect, call Call) error {
	if d.Link == "" || len(call.Args) == 0 || call.Args[0] != "--help" && call.Args[0] != "-h" {
		return nil
	}
	return Usage(d)
}

// Usage returns the usage of a tool's dialect. It wraps ErrMalformed.
func Usage(d *Dialect) error {
	return &Error{
		Kind: ErrMalformed,
		Text: "usage: a tool calls \"credhelper " + d.Name + "\" (" + d.Title + ") and speaks on stdin and stdout; there is nothing to type",
		Hint: "tell the tool to call it: credhelper setup",
	}
}

// Settle decides, after stdin was read, between the dialects that share the word get:
// attribute lines are git's, everything else is JSON. It is called before Decode.
func Settle(d *Dialect, stdin []byte) *Dialect {
	if d == &native && looksLikeGit(stdin) {
		return &gitByGet
	}
	return d
}

func looksLikeGit(stdin []byte) bool {
	s := string(stdin[:min(len(stdin), 16)])
	return strings.HasPrefix(s, "protocol=") || strings.HasPrefix(s, "capability[]=")
}
