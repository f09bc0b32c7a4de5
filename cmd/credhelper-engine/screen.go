package main

import (
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen formats for a person: with colours and bars only on a terminal that supports
// them, and no wider than it is.
type screen struct {
	terminal      bool // not a pipe, and not dumb
	colour, bars  bool
	width, height int // 0 if it is no terminal, or if that is not known
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// screen returns the capabilities of stdout. NO_COLOR (no-color.org) counts if it is
// set to anything.
func (s *session) screen() screen {
	if s.shape == nil {
		c := s.screenOf(s.stdout)
		s.shape = &c
	}
	return *s.shape
}

func (s *session) screenOf(f *os.File) screen {
	here := isTerminal(f)
	terminal := here && s.env("TERM") != "dumb"
	locale := s.env("LC_ALL") + s.env("LC_CTYPE") + s.env("LANG")
	c := screen{
		terminal: terminal,
		colour:   terminal && s.env("NO_COLOR") == "",
		bars:     terminal && strings.Contains(strings.ToLower(strings.ReplaceAll(locale, "-", "")), "utf8"),
	}
	if here {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil {
			c.width, c.height = w, h
		}
	}
	return c
}

// cut shortens a plain text to the columns that the terminal has beside so many others.
func (c screen) cut(text string, beside int) string {
	if c.width == 0 || len(text)+beside <= c.width {
		return text
	}
	return text[:max(c.width-beside-3, 1)] + "..."
}

// wrap breaks a plain text at spaces, so that no line is wider than the terminal.
func (c screen) wrap(text string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case c.width > 0 && column+1+len(word) > c.width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// plain is a cell without its colour sequences.
func plain(cell string) string {
	for {
		before, rest, found := strings.Cut(cell, "\x1b[")
		if !found {
			return cell
		}
		_, after, _ := strings.Cut(rest, "m")
		cell = before + after
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
func width(cell string) int { return utf8.RuneCountInString(plain(cell)) }

// The blocks of a bar.
const fullBlock, lightBlock = "\u2588", "\u2591"

// bar shows a part of a whole with the given number of columns.
func (c screen) bar(part, whole int64, columns int) string {
	if !c.bars || whole <= 0 {
		return ""
	}
	full := int(max(0, min(part, whole)) * int64(columns) / whole)
	return strings.Repeat(fullBlock, full) + strings.Repeat(lightBlock, columns-full) + " "
}
