package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// listCommand lists profiles.
func (s *session) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:        "list [--json]",
		Example:    "  credhelper list\n  credhelper list --json | jq -r '.[].name'",
		SuggestFor: []string{"ls"},
		Short:      "list the profiles",
		GroupID:    groupManage,
		Args:       between(0, 0),
		RunE:       func(*cobra.Command, []string) error { return s.list() },
	}
}

// listRecord is one line of list --json.
type listRecord struct {
	Profile string   `json:"profile"`
	Name    string   `json:"name"` // the same; it was the only one in the first release
	Preset  string   `json:"preset,omitempty"`
	Title   string   `json:"title,omitempty"`
	URL     string   `json:"url,omitempty"`
	Origins []string `json:"origins"`
	File    string   `json:"file"`
	Error   string   `json:"error,omitempty"` // why it cannot be used; then the rest is empty
}

func (s *session) list() error {
	h, err := s.open()
	if err != nil {
		return err
	}
	s.sayStrays(h)
	names, err := h.ProfileNames()
	if err != nil {
		return err
	}
	if _, err := h.Settings(); err != nil {
		return err
	}
	var problems []error
	rows := [][]string{{"PROFILE", "SYSTEM", "ORIGINS"}}
	records := []listRecord{}
	for p, err := range h.EachProfile(names) {
		name := names[len(records)]
		if err != nil {
			problems = append(problems, err)
			rows = append(rows, []string{name, "cannot be used", "-"})
			records = append(records, listRecord{Profile: name, Name: name, Origins: []string{}, Error: printable.Line(err.Error())})
			continue
		}
		origins := p.OriginTexts()
		rows = append(rows, []string{name, p.Title, orDash(strings.Join(origins, " "))})
		records = append(records, listRecord{name, name, p.Preset, p.Title, p.URL, origins, p.File, ""})
	}
	switch {
	case s.flags.json:
		err = s.printJSON(records)
	case len(records) > 0:
		err = s.print(s.screen().table(rows))
	default:
		s.say("No profiles yet. Add one: credhelper add (on a terminal it asks), or credhelper add NAME --preset PRESET ... (credhelper presets lists them)")
	}
	if err != nil {
		return err
	}
	return summary(problems)
}

// sayStrays warns of files in the profile directory whose names are not valid.
func (s *session) sayStrays(h *helper.Helper) {
	if stray := h.Strays(); stray != "" {
		s.say("Note: " + stray)
	}
}

// summary joins the errors of several profiles in one line.
func summary(problems []error) error {
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return problems[0]
	}
	return &protocol.Error{
		Kind: protocol.ErrPolicy,
		Text: fmt.Sprintf("%d profiles cannot be used; the first: %v", len(problems), problems[0]),
		Hint: "see all of them: credhelper doctor",
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
