package wiring

import "strings"

// People copy the output of setup into a shell, and tools run its configuration by one.
// Every value in such a line that is not setup's own, such as a path or an address of a
// profile, is quoted by one of these functions.

// typed quotes a text as one word of the shell that people copy lines into.
func typed(text string) string { return shellQuote(text, windows) }

// shellWord quotes a text as one word of sh, which tools use to run commands, including
// git on Windows.
func shellWord(text string) string { return shellQuote(text, false) }

// shellQuote quotes for sh, or for PowerShell, where a quotation mark is doubled. A
// text that has no special meaning in any shell stays as it is.
func shellQuote(text string, powershell bool) string {
	switch {
	case text != "" && plainPath(strings.ReplaceAll(text, ":", "")):
		return text
	case powershell:
		return "'" + strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b").Replace(text) + "'"
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// plainPath reports whether a path needs no quotes in a command line, a list or an
// assignment of any tool.
func plainPath(path string) bool {
	if windows && len(path) > 2 && path[1] == ':' {
		path = path[:1] + path[2:]
	}
	for _, c := range path {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.ContainsRune("/._-+@,", c):
		default:
			return false
		}
	}
	return true
}
