package main

import (
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen formats for a person: with colours and bars only on a terminal that supports
// them.
type screen struct{ colour, bars bool }

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// screen returns the capabilities of stdout. NO_COLOR (no-color.org) counts if it is
// set to anything.
func (s *session) screen() screen { return s.screenOf(s.stdout) }

func (s *session) screenOf(f *os.File) screen {
	terminal := isTerminal(f) && s.env("TERM") != "dumb"
	locale := s.env("LC_ALL") + s.env("LC_CTYPE") + s.env("LANG")
	return screen{
		colour: terminal && s.env("NO_COLOR") == "",
		bars:   terminal && strings.Contains(strings.ToLower(strings.ReplaceAll(locale, "-", "")), "utf8"),
	}
}

// The colours in use, as ANSI numbers.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
)

func (c screen) paint(colour, text string) string {
	if !c.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// table formats rows in columns; the first row is the head.
func (c screen) table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-width(cell)+3))
			}
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 {
			text = c.paint(bold, text)
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}

// width returns the number of columns of a cell, without its colour sequences.
func width(cell string) int {
	n := 0
	for len(cell) > 0 {
		if strings.HasPrefix(cell, "\x1b[") {
			if end := strings.IndexByte(cell, 'm'); end > 0 {
				cell = cell[end+1:]
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(cell)
		cell = cell[size:]
		n++
	}
	return n
}

// bar shows a part of a whole with the given number of columns.
func (c screen) bar(part, whole int64, columns int) string {
	if !c.bars || whole <= 0 {
		return ""
	}
	full := int(max(0, min(part, whole)) * int64(columns) / whole)
	return strings.Repeat("\u2588", full) + strings.Repeat("\u2591", columns-full) + " "
}
