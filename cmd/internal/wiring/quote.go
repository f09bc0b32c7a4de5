package wiring

import (
	"runtime"
	"strings"
)

// What setup prints is copied into a shell, and what it writes is run by one. Every value
// in such a line that is not setup's own, be it a path or an address of a profile, goes
// through one of these.

// typed is a text as one word of the shell that people copy lines into.
func typed(text string) string { return shellQuote(text, runtime.GOOS == "windows") }

// shellWord is a text as one word of sh, which is what tools run commands by, git on
// Windows among them.
func shellWord(text string) string { return shellQuote(text, false) }

// shellQuote quotes for sh, or for PowerShell, in which a quotation mark is doubled. A
// text that no shell reads anything into stays as it is.
func shellQuote(text string, powershell bool) string {
	switch {
	case text != "" && plainPath(strings.ReplaceAll(text, ":", "")):
		return text
	case powershell:
		return "'" + strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b").Replace(text) + "'"
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// plainPath reports whether a path can stand in a command line, a list or an
// assignment of any tool without quotes.
func plainPath(path string) bool {
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
