package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
)

// statusRows returns profiles in every state, n of each.
func statusRows(s *session, n int) (rows []statusRow) {
	now := time.Unix(1_800_000_000, 0)
	at := func(days int) time.Time { return now.Add(time.Duration(days)*24*time.Hour + time.Hour) }
	cached := helper.TokenStatus{Cached: true, Left: 50 * time.Minute, Life: time.Hour, Expires: now.Add(50 * time.Minute)}
	for i := range n {
		for _, st := range []helper.Status{
			{Profile: "jama", System: "Jama Connect", Source: "keyring", Token: cached, SecretCreated: at(-12)},
			{Profile: "a-broken-one", Err: errors.New("profile a-broken-one: /etc/credhelper/profiles/a-broken-one.toml:4: colour: unknown key")},
			{Profile: "entra", System: "Microsoft Entra ID", Source: "keyring", SecretCreated: at(-300), SecretExpires: at(4)},
			{Profile: "team-1", System: "Jama Connect", Source: "keyring", SecretErr: &protocol.Error{Kind: protocol.ErrNoSecret, Text: "none"}},
			{Profile: "gone", System: "Jira Cloud", Source: "keyring", SecretCreated: at(-400), SecretExpires: at(-8)},
			{Profile: strings.Repeat("long", 16), System: "Jira Data Center", Source: "file"},
			{Profile: "me", Source: "", Token: helper.TokenStatus{Over: true}},
		} {
			if i > 0 {
				st.Profile = fmt.Sprintf("%s-%d", st.Profile[:min(len(st.Profile), 60)], i)
			}
			rows = append(rows, s.statusRow(st, keyringLocked, history{fetched: now.Add(-time.Minute), identity: "Held Out <heldout@example.com>"}, now))
		}
	}
	return rows
}

func tableOf(c screen, rows []statusRow) string {
	s := &session{shape: &c}
	return s.statusTable(rows)
}

// TestStatusFits: no line is wider than the terminal, except a command that is to be copied.
// What needs a person comes first, with what is wrong and what helps.
func TestStatusFits(t *testing.T) {
	for columns := 32; columns < 200; columns++ {
		for _, fancy := range []bool{false, true} {
			c := screen{terminal: true, colour: fancy, bars: fancy, width: columns}
			rows := statusRows(&session{shape: &c}, 1)
			text := tableOf(c, rows)
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if longName := strings.Contains(line, "longlonglong"); width(line) > columns && !strings.HasPrefix(line, "    -> ") && !longName {
					t.Fatalf("%d columns: %q", columns, line)
				}
			}
			first, last := strings.Index(text, "team-1"), strings.Index(text, "jama")
			if first < 0 || last < first {
				t.Fatalf("%d columns: what needs nobody comes first:\n%s", columns, text)
			}
			for _, want := range []string{"-> credhelper rotate team-1", "-> credhelper login me", "-> credhelper rotate gone", "cannot be used", "-> credhelper edit a-broken-one"} {
				if !strings.Contains(text, want) {
					t.Fatalf("%d columns: no %q:\n%s", columns, want, text)
				}
			}
			if !strings.Contains(strings.Join(strings.Fields(text), " "), "7 profiles: 2 ready, 1 to look after soon, 4 need you") {
				t.Fatalf("%d columns:\n%s", columns, text)
			}
		}
	}
}

// TestStatusLeavesOut: a wide terminal and a pipe show everything; a narrower terminal
// leaves out the least important first.
func TestStatusLeavesOut(t *testing.T) {
	heads := func(width int) string {
		c := screen{terminal: true, bars: true, width: width}
		rows := statusRows(&session{shape: &c}, 1)[:1]
		text := tableOf(c, rows)
		head, rest, _ := strings.Cut(text, "\n")
		if strings.Contains(rest, fullBlock) {
			head += " with bar"
		}
		return strings.Join(strings.Fields(head), " ")
	}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "PROFILE SYSTEM TOKEN SECRET LAST FETCHED IDENTITY with bar"},
		{140, "PROFILE SYSTEM TOKEN SECRET LAST FETCHED IDENTITY with bar"},
		{100, "PROFILE SYSTEM TOKEN SECRET LAST FETCHED IDENTITY"},
		{80, "PROFILE SYSTEM TOKEN SECRET IDENTITY"},
		{66, "PROFILE TOKEN SECRET IDENTITY"},
		{40, "PROFILE TOKEN SECRET"},
		{24, "● jama"},
	} {
		if got := heads(c.width); got != c.want {
			t.Errorf("%d columns: %q, want %q", c.width, got, c.want)
		}
	}
}

// TestStatusOfMany: of a thousand profiles a terminal shows those that need a person, and
// the number of the others; a pipe shows all.
func TestStatusOfMany(t *testing.T) {
	c := screen{terminal: true, width: 80, height: 24}
	rows := statusRows(&session{shape: &c}, 150)
	text := tableOf(c, rows)
	for i := 1; i < 150; i++ {
		if !strings.Contains(text, fmt.Sprintf("x team-1-%d ", i)) {
			t.Fatalf("team-1-%d is not shown", i)
		}
	}
	if !strings.Contains(text, "... and 300 more that are ready: credhelper status | less") || strings.Contains(text, "o jama") {
		t.Error(text[len(text)-400:])
	}
	if !strings.Contains(text, "1050 profiles: 300 ready, 150 to look after soon, 600 need you") {
		t.Error(text[len(text)-400:])
	}
	if text := tableOf(screen{}, rows); strings.Contains(text, "more that are ready") || !strings.Contains(text, "o jama-149") {
		t.Error("a pipe does not show all")
	}
}
