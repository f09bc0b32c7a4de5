package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/logfile/logread"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// logFlags select lines of the log.
type logFlags struct {
	last   int
	since  string
	events []string
}

// logCommand shows the log.
func (s *session) logCommand() *cobra.Command {
	var f logFlags
	c := &cobra.Command{
		Use:   "log [NAME] [--since TIME] [--event EVENT] [--json]",
		Short: "show fetches, refusals, failures, sign-ins and changes of secrets",
		Long: "Shows who asked for which token and what came of it, oldest first: all profiles,\n" +
			"or one. Answers from the cache are in it with audit = \"all\" in config.toml; with\n" +
			"audit = \"required\" a token that cannot be logged is not given, either. --json\n" +
			"prints the lines as they are kept, one JSON object each; no secret and no token is\n" +
			"among them, \"token\" is a fingerprint. More: credhelper help log.",
		Example:           "  credhelper log jama --since 24h --event refused,failed",
		GroupID:           groupKeep,
		Args:              between(0, 1),
		Annotations:       patient, // it may have 32 GiB
		ValidArgsFunction: s.completeProfiles,
		RunE: func(c *cobra.Command, args []string) error {
			if f.last < 1 && c.Flags().Changed("last") {
				return protocol.Malformed("-n wants a number of lines, from 1; without it all are shown")
			}
			return s.log(args, f)
		},
	}
	c.Flags().IntVarP(&f.last, "last", "n", 0, "only the last `N` lines")
	c.Flags().StringVar(&f.since, "since", "", "only lines since `TIME`: 90m, 24h, 7d ago, or a date, YYYY-MM-DD")
	c.Flags().StringSliceVar(&f.events, "event", nil, "only this `EVENT`, such as fetch, refused, failed, login (repeatable)")
	return c
}

func (s *session) log(args []string, f logFlags) error {
	name := ""
	if len(args) == 1 {
		name = args[0]
	}
	if name != "" && !protocol.ValidProfile(name) {
		return protocol.Malformed("not a profile's name: " + printable.Value(name))
	}
	since, err := s.sinceTime(f.since)
	if err != nil {
		return err
	}
	h, err := s.open()
	if err != nil {
		return err
	}
	events, fits := map[string]bool{}, false
	out := logOutput{session: s}
	var last []logfile.Record
	err = logread.All(h.Dirs.Log(), func(r logfile.Record) bool {
		events[r.Event] = true
		switch {
		case name != "" && r.Profile != name, r.Time.Before(since), len(f.events) > 0 && !slices.Contains(f.events, r.Event):
			return true
		case f.last > 0:
			last = lastOf(append(last, r), f.last, 2*f.last)
		default:
			out.add(r)
		}
		fits = true
		return out.err == nil
	})
	if err != nil {
		return err
	}
	for _, r := range lastOf(last, f.last, f.last) {
		out.add(r)
	}
	if !fits {
		s.sayNothingFits(f.events, events)
	}
	return out.end()
}

// logOutput prints lines of the log: in one piece, unless they are so many that they would
// need too much memory.
type logOutput struct {
	*session
	lines strings.Builder
	err   error // of a piece that could not be printed
}

// longestPiece is how many bytes of lines are held.
const longestPiece = 4 << 20

func (o *logOutput) add(r logfile.Record) {
	line := logLine(r)
	if o.flags.json {
		text, err := json.Marshal(r)
		if line = string(text); err != nil {
			o.err = err
			return
		}
	}
	o.lines.WriteString(line + "\n")
	if o.lines.Len() >= longestPiece {
		_ = o.end()
	}
}

// end prints what is held.
func (o *logOutput) end() error {
	if o.err == nil {
		o.err = o.print(o.lines.String())
	}
	o.lines.Reset()
	return o.err
}

// sayNothingFits says that no line of the log is what was asked for, and which event a
// misspelt one may be.
func (s *session) sayNothingFits(asked []string, there map[string]bool) {
	text := "Note: no line of the log fits."
	for _, event := range asked {
		if near := didYouMean(event, slices.Collect(maps.Keys(there))); !there[event] && near != "" {
			text += " No event there is " + printable.Value(event) + "; " + near
		}
	}
	s.say(text)
}

// lastOf returns the last n rows of a list that has grown beyond limit. The log may be much
// larger than what is shown of it.
func lastOf[T any](rows []T, n, limit int) []T {
	if len(rows) <= limit {
		return rows
	}
	return append(rows[:0], rows[len(rows)-n:]...)
}

// sinceTime parses a duration before now, or a date in UTC; "" is the beginning.
func (s *session) sinceTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range [...]string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	days, isDays := strings.CutSuffix(text, "d")
	if isDays {
		text = days + "h"
	}
	ago, err := time.ParseDuration(text)
	if isDays {
		ago *= 24
	}
	if err != nil || ago < 0 {
		return time.Time{}, protocol.Malformed("--since wants how long ago (90m, 24h, 7d), or a date, YYYY-MM-DD")
	}
	return s.now().Add(-ago), nil
}

// logLine formats a line of the log for a person, without unknown values.
func logLine(r logfile.Record) string {
	parts := []string{fmt.Sprintf("%s  %-15s %s", r.Time.UTC().Format(time.RFC3339), printable.Line(r.Event), printable.Line(r.Profile))}
	add := func(text string) {
		if text != "" {
			parts = append(parts, printable.Line(text))
		}
	}
	add(r.URI)
	add(logCaller(r))
	if r.Guest != "" && r.Event != "guest" { // its text says who
		add("for guest " + r.Guest)
	}
	if r.Source == "cache" {
		add("from the cache")
	}
	add(r.Text)
	if r.Expires > 0 {
		add("until " + time.Unix(r.Expires, 0).UTC().Format(time.RFC3339))
	}
	if r.Issued != "" {
		add("issued as " + r.Issued)
	}
	if r.Correlation != "" && !strings.Contains(r.Text, r.Correlation) {
		add("correlation id " + r.Correlation)
	}
	return strings.Join(parts, "  ")
}

// logCaller formats the caller, as in "git by /usr/bin/git (4711)".
func logCaller(r logfile.Record) string {
	who := r.Caller.Executable
	if r.Caller.PID > 0 {
		who = strings.TrimSpace(fmt.Sprintf("%s (%d)", who, r.Caller.PID))
	}
	if r.Dialect == "" || who == "" {
		return r.Dialect + who
	}
	return r.Dialect + " by " + who
}
