package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/expiry"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// need is how much a profile needs a person.
type need uint8

// The needs, the row that is shown first at the end.
const (
	needsNothing need = iota
	needsSoon         // something ends within 30 days, or a wait ends by itself
	needsPerson       // it gives no token until somebody acts
)

// statusRow is one profile in the table of status.
type statusRow struct {
	need   need
	cells  [columns]string
	advice string   // what to type; may be empty
	notes  []string // lines below the row
}

// The columns of the table.
const (
	columnProfile = iota
	columnSystem
	columnToken
	columnSecret
	columnFetched
	columnIdentity
	columns
)

var columnHeads = [columns]string{"PROFILE", "SYSTEM", "TOKEN", "SECRET", "LAST FETCHED", "IDENTITY"}

func (s *session) statusRow(st helper.Status, k keyringState, past history, now time.Time) statusRow {
	c := s.screen()
	if st.Err != nil {
		row := statusRow{need: needsPerson, notes: []string{printable.Line(st.Err.Error())}}
		row.cells = [columns]string{st.Profile, "-", c.paint(red, "cannot be used"), "-", "-", "-"}
		row.advice = "credhelper edit " + st.Profile
		return row
	}
	row := statusRow{cells: [columns]string{st.Profile, orDash(st.System), s.tokenCell(c, st, now), s.secretCell(c, st, k, now),
		s.ago(past.fetched, now), orDash(printable.Line(past.identity))}}
	row.need, row.advice = needOf(st, k, now)
	if st.Clash != nil {
		row.notes = append(row.notes, printable.Line(st.Clash.Error()))
	}
	return row
}

// needOf says how much a profile needs a person, and what that person should type.
func needOf(st helper.Status, k keyringState, now time.Time) (need, string) {
	name := st.Profile
	switch {
	case errors.Is(st.SecretErr, protocol.ErrLogin), st.Token.Over:
		return needsPerson, "credhelper login " + name
	case errors.Is(st.SecretErr, protocol.ErrNoSecret):
		if st.Source == "keyring" {
			return needsPerson, "credhelper rotate " + name
		}
		return needsPerson, "credhelper show " + name + " --full"
	case errors.Is(st.SecretErr, protocol.ErrLocked):
		return needsPerson, k.advice(name)
	case st.SecretErr != nil:
		return needsPerson, "credhelper doctor"
	case len(st.Changes) > 0:
		return needsPerson, "credhelper rebind " + name
	case st.Expiry().Urgency(now) == expiry.Over:
		return needsPerson, renewal(st)
	case st.Token.Wait > 0 && st.Token.Refused:
		return needsPerson, whatNext(name, st.Token)
	case st.Clash != nil:
		return needsPerson, "credhelper edit " + name
	case st.Token.Wait > 0:
		return needsSoon, ""
	case st.Token.Stop && !st.Token.Cached:
		return needsPerson, "credhelper doctor " + name
	case st.Expiry().Urgency(now) > expiry.Calm:
		return needsSoon, renewal(st)
	}
	return needsNothing, ""
}

// whatNext returns the command that ends a wait after a failure: test, or rotate if the
// server would refuse the same secret again.
func whatNext(name string, t helper.TokenStatus) string {
	if t.Rotate {
		return "credhelper rotate " + name
	}
	return "credhelper test " + name
}

// renewal is the command that replaces what ends.
func renewal(st helper.Status) string {
	if st.Source == "keyring" {
		return "credhelper rotate " + st.Profile
	}
	return "credhelper show " + st.Profile + " --full"
}

// statusTable formats the rows for the terminal, or with all columns for a pipe.
func (s *session) statusTable(rows []statusRow) string {
	c := s.screen()
	var count [needsPerson + 1]int
	var ordered []statusRow
	for n := int(needsPerson); n >= 0; n-- {
		for _, row := range rows {
			if row.need == need(n) {
				ordered = append(ordered, row)
				count[n]++
			}
		}
	}
	rows = ordered
	visible := rows
	if c.height > 0 && len(rows)+4 > c.height {
		visible = rows[:min(len(rows), max(len(rows)-count[needsNothing], c.height))]
	}
	text := c.fit(visible)
	// Those that are ready would push the others off the screen.
	for c.height > 0 && len(visible) > max(len(rows)-count[needsNothing], 1) && strings.Count(text, "\n")+5 > c.height {
		visible = visible[:len(visible)-1]
		text = c.fit(visible)
	}
	if hidden := len(rows) - len(visible); hidden > 0 {
		text += c.wrap(fmt.Sprintf("... and %d more that are ready: credhelper status | less", hidden)) + "\n"
	}
	return text + c.wrap(countLine(len(rows), count)) + "\n"
}

// countLine is the table in one line.
func countLine(all int, count [needsPerson + 1]int) string {
	line := fmt.Sprintf("%d profiles: ", all)
	if all == 1 {
		line = "1 profile: "
	}
	parts := []string{fmt.Sprintf("%d ready", count[needsNothing])}
	if count[needsSoon] > 0 {
		parts = append(parts, fmt.Sprintf("%d to look after soon", count[needsSoon]))
	}
	switch count[needsPerson] {
	case 0:
	case 1:
		parts = append(parts, "1 needs you")
	default:
		parts = append(parts, fmt.Sprintf("%d need you", count[needsPerson]))
	}
	return line + strings.Join(parts, ", ")
}

// fit leaves out what a terminal has no room for: the bars, then the columns that one can
// do without. Where even the rest is too wide, each profile is a few lines.
func (c screen) fit(rows []statusRow) string {
	left := []int{columnProfile, columnSystem, columnToken, columnSecret, columnFetched, columnIdentity}
	table := c.statusColumns(rows, left)
	if !c.fits(table) {
		rows = withoutBars(rows)
		table = c.statusColumns(rows, left)
	}
	for _, out := range [...]int{columnFetched, columnSystem, columnIdentity} {
		if c.fits(table) {
			break
		}
		left = slices.DeleteFunc(left, func(column int) bool { return column == out })
		table = c.statusColumns(rows, left)
	}
	if !c.fits(table) {
		return c.statusBlocks(rows)
	}
	return c.withNotes(table, rows)
}

// fits reports whether no line is wider than the terminal.
func (c screen) fits(table string) bool {
	for line := range strings.Lines(table) {
		if c.width > 0 && width(strings.TrimSuffix(line, "\n")) > c.width {
			return false
		}
	}
	return true
}

func withoutBars(rows []statusRow) []statusRow {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].cells[columnToken] = strings.TrimLeft(rows[i].cells[columnToken], fullBlock+lightBlock+" ")
	}
	return rows
}

func (c screen) statusColumns(rows []statusRow, left []int) string {
	table := [][]string{{}}
	for _, column := range left {
		table[0] = append(table[0], columnHeads[column])
	}
	table[0][0] = "  " + table[0][0]
	for _, row := range rows {
		var cells []string
		for _, column := range left {
			cells = append(cells, row.cells[column])
		}
		cells[0] = c.mark(row.need) + " " + cells[0]
		table = append(table, cells)
	}
	return c.table(table)
}

// withNotes puts below each row what is wrong and what helps.
func (c screen) withNotes(table string, rows []statusRow) string {
	var b strings.Builder
	n := -1
	for line := range strings.Lines(table) {
		b.WriteString(line)
		if n >= 0 {
			c.writeNotes(&b, rows[n])
		}
		n++
	}
	return b.String()
}

func (c screen) writeNotes(b *strings.Builder, row statusRow) {
	for _, note := range row.notes {
		b.WriteString("    " + c.cut(note, 4) + "\n")
	}
	if row.advice != "" {
		b.WriteString("    -> " + row.advice + "\n") // never cut: it is there to be copied
	}
}

func (c screen) statusBlocks(rows []statusRow) string {
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(c.mark(row.need) + " " + row.cells[columnProfile] + "\n")
		for column, label := range [...]string{columnToken: "token", columnSecret: "secret"} {
			if cell := row.cells[column]; label != "" && cell != "-" {
				if c.width > 0 && width(cell)+12 > c.width {
					cell = c.cut(plain(cell), 12)
				}
				b.WriteString(fmt.Sprintf("    %-8s", label) + cell + "\n")
			}
		}
		c.writeNotes(&b, row)
	}
	return b.String()
}

// mark is a sign of how much a profile needs a person.
func (c screen) mark(n need) string {
	signs, colour := [...]string{"o", "!", "x"}, [...]string{green, yellow, red}
	if c.bars {
		signs = [...]string{"\u25cf", "!", "\u2717"}
	}
	return c.paint(colour[n], signs[n])
}

// tokenCell shows the remaining lifetime of the token, as a bar on a terminal.
func (s *session) tokenCell(c screen, st helper.Status, now time.Time) string {
	t := st.Token
	var cell string
	switch {
	case t.Over:
		return c.paint(red, "sign-in over")
	case t.Wait > 0 && t.Refused:
		cell = c.paint(red, "refused: wait "+failure.Span(t.Wait))
	case t.Wait > 0:
		cell = c.paint(yellow, "wait "+failure.Span(t.Wait))
	case t.Cached:
		cell = c.bar(int64(t.Left), int64(t.Life), 14) + failure.Span(t.Left) + poolWords(t)
	case st.SecretErr != nil || len(st.Changes) > 0:
		return "-" // it would not be
	default:
		return "fetched when asked" + poolWords(st.Token)
	}
	if s.flags.verbose {
		end := t.Expires
		if t.Wait > 0 {
			end = now.Add(t.Wait)
		}
		cell += " (until " + end.UTC().Format(time.RFC3339) + ")"
	}
	return cell
}

func (s *session) secretCell(c screen, st helper.Status, k keyringState, now time.Time) string {
	switch {
	case st.SecretErr != nil && errors.Is(st.SecretErr, protocol.ErrLogin):
		return c.paint(red, "sign in: login")
	case st.SecretErr != nil && errors.Is(st.SecretErr, protocol.ErrNoSecret):
		return c.paint(red, "missing")
	case st.SecretErr != nil && errors.Is(st.SecretErr, protocol.ErrLocked):
		return c.paint(yellow, k.word())
	case st.SecretErr != nil:
		return c.paint(red, "cannot be read")
	case len(st.Changes) > 0:
		return c.paint(red, "for other "+st.Changes[0].Name+" (rebind)")
	}
	text := s.secretOrigin(st, now)
	end := st.Expiry()
	if end.At.IsZero() {
		return text
	}
	text += ", " + strings.TrimPrefix(end.Words(now), "secret ")
	if s.flags.verbose {
		text += " (" + end.At.UTC().Format(time.RFC3339) + ")"
	}
	switch end.Urgency(now) {
	case expiry.Noted:
		return c.paint(yellow, text)
	case expiry.Pressing:
		return c.paint(yellow, text+" (!)")
	case expiry.Over:
		return c.paint(red, text+" (!)")
	}
	return text
}

// secretOrigin describes where a secret comes from and how old it is.
func (s *session) secretOrigin(st helper.Status, now time.Time) string {
	switch {
	case !st.SignedIn.IsZero() && st.SecretCreated.IsZero():
		return "signed in, " + failure.Span(now.Sub(st.SignedIn))
	case st.Source == "":
		return "none needed"
	case st.SecretCreated.IsZero():
		return "from " + st.Source
	}
	text := failure.Span(now.Sub(st.SecretCreated)) + " old"
	switch {
	case st.RolledBack:
		text += ", newer one kept"
	case st.HasPrevious:
		text += ", earlier one kept"
	}
	if s.flags.verbose {
		text += " (" + st.SecretCreated.UTC().Format(time.RFC3339) + ")"
	}
	return text
}

func (s *session) ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	text := failure.Span(now.Sub(t)) + " ago"
	if s.flags.verbose {
		text += " (" + t.UTC().Format(time.RFC3339) + ")"
	}
	return text
}
