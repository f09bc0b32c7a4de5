// Package printable makes foreign text fit for a terminal, a log and a protocol's
// line: what a server, a file or a name says must not end a line, move the cursor or
// turn the writing round (T23). It is the only place that does.
package printable

import "strings"

// Line is a whole message as one line of printable ASCII of at most 1,024 bytes.
// Between the lines of errors.Join stands a semicolon; a newline at the end goes.
// Other bytes outside 0x20-0x7E become "?".
func Line(s string) string {
	return ascii(strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "; "), 1024)
}

// Value is one foreign value within a message: its first 200 bytes, in which each
// byte outside 0x20-0x7E, newlines too, becomes "?".
func Value(s string) string { return ascii(s, 200) }

// Is reports whether each byte of s is printable ASCII, 0x20-0x7E.
func Is(s string) bool {
	for i := range len(s) {
		if !isPrintable(s[i]) {
			return false
		}
	}
	return true
}

func ascii(s string, most int) string {
	b := []byte(s[:min(len(s), most)])
	for i, c := range b {
		if !isPrintable(c) {
			b[i] = '?'
		}
	}
	return string(b)
}

func isPrintable(c byte) bool { return 0x20 <= c && c <= 0x7e }
