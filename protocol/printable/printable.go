// Package printable makes text from outside safe for a terminal, a log and a line
// protocol: text from a server, a file or a name must not end a line, move the cursor
// or reverse the writing direction (T23). It is the only place that does this.
package printable

import "strings"

// Line returns a whole message as one line of printable ASCII of at most 1,024 bytes.
// The lines of errors.Join are separated by a semicolon; a newline at the end is
// removed. Other bytes outside 0x20-0x7E become "?".
func Line(s string) string {
	return ascii(strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "; "), 1024)
}

// Value returns one value from outside for use in a message: its first 200 bytes, with
// "?" for each byte outside 0x20-0x7E, including newlines.
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
