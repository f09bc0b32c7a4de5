package wiring

import (
	"regexp"
	"strings"
)

// The lines of git's configuration (git-config(1), "Syntax"): the header of a section,
// which a variable may follow on the same line, and a variable, whose value may be
// missing.
const (
	gitHeader   = `^\[[A-Za-z0-9.-]+(?:[ \t]+"(?:[^"\\\n]|\\.)*")?\]`
	gitVariable = `^[A-Za-z][A-Za-z0-9-]*[ \t]*(?:=(.*))?$`
)

// brokenGitLine returns the number of the first line at which git would fail; 0 if
// there is none. Appending to such a file would only move the error.
func brokenGitLine(text string) int {
	header, variable := regexp.MustCompile(gitHeader), regexp.MustCompile(gitVariable)
	open, inSection := false, false // whether a value continues from the previous line
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		n++
		line = strings.TrimRight(line, "\r\n")
		value := line
		if !open {
			line = strings.TrimSpace(line)
			if found := header.FindString(line); found != "" {
				inSection = true
				line = strings.TrimSpace(line[len(found):])
			}
			if line == "" || line[0] == '#' || line[0] == ';' {
				continue
			}
			name, _, _ := strings.Cut(line, " #")
			name, _, _ = strings.Cut(name, " ;")
			parts := variable.FindStringSubmatch(line)
			if parts == nil {
				parts = variable.FindStringSubmatch(strings.TrimSpace(name))
			}
			if parts == nil || !inSection {
				return n
			}
			value = parts[1]
		}
		quoted := false
		if open, quoted = valueGoesOn(value); quoted && !open {
			return n
		}
	}
	return 0
}

// valueGoesOn reports whether a value ends with a backslash, and so continues on the
// next line, and whether a quotation mark in it is not closed.
func valueGoesOn(value string) (goesOn, quoted bool) {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && i+1 == len(value):
			return true, quoted
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '#' || c == ';'):
			return false, false
		}
	}
	return false, quoted
}
