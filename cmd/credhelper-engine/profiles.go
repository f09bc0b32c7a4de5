package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
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
	Name    string   `json:"name"`
	Preset  string   `json:"preset,omitempty"`
	Title   string   `json:"title,omitempty"`
	URL     string   `json:"url,omitempty"`
	Origins []string `json:"origins"`
	File    string   `json:"file"`
}

func (s *session) list() error {
	h, err := s.open()
	if err != nil {
		return err
	}
	s.sayStrays(h)
	all, problems := h.Profiles()
	rows := [][]string{{"PROFILE", "SYSTEM", "ORIGINS"}}
	records := []listRecord{}
	for _, p := range all {
		origins := p.OriginTexts()
		rows = append(rows, []string{p.Name, p.Title, orDash(strings.Join(origins, " "))})
		records = append(records, listRecord{p.Name, p.Preset, p.Title, p.URL, origins, p.File})
	}
	switch {
	case s.flags.json:
		err = s.printJSON(records)
	case len(all) > 0:
		err = s.print(s.screen().table(rows))
	case len(problems) == 0:
		s.say("No profiles yet. Make one: credhelper add (on a terminal it asks), or credhelper add NAME --preset PRESET ... (credhelper presets lists them)")
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

// showCommand shows a profile.
func (s *session) showCommand() *cobra.Command {
	var full bool
	c := &cobra.Command{
		Use:               "show NAME [--full]",
		Example:           "  credhelper show jama --full",
		Short:             "show a profile; --full with all that its preset and the defaults add",
		GroupID:           groupManage,
		Args:              between(1, 1),
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(_ *cobra.Command, args []string) error { return s.show(args[0], full) },
	}
	c.Flags().BoolVar(&full, "full", false, "with the preset's and default members")
	return c
}

func (s *session) show(name string, full bool) error {
	_, p, err := s.openProfile(name)
	if err != nil {
		return err
	}
	text := p.Text()
	if full || s.flags.json {
		if text, err = p.Resolved(); err != nil {
			return err
		}
	}
	if s.flags.json {
		var members map[string]any
		if err := toml.Unmarshal(text, &members); err != nil {
			return err
		}
		return s.printJSON(members)
	}
	if full {
		for _, o := range p.OriginTexts() {
			if both := config.BothForms(o); both != o {
				text = append([]byte("# "+both+"\n"), text...)
			}
		}
		text = append([]byte("# "+p.File+"\n"), text...)
	}
	return s.print(string(text))
}

// editCommand opens a profile in the editor.
func (s *session) editCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "edit NAME",
		Example:           "  EDITOR=nano credhelper edit jama",
		Short:             "edit a profile; it is checked before it is put in place",
		GroupID:           groupManage,
		Args:              between(1, 1),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.edit(c.Context(), args[0]) },
	}
}

func (s *session) edit(ctx context.Context, name string) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	text, _, err := h.ProfileText(name)
	if err != nil {
		return err
	}
	_, _ = h.Profile(name) // needed for its variables; an invalid profile can be edited too
	dirs, err := s.dirs()
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(dirs.Config, ".edit-*.toml") // 0600
	if err != nil {
		return policy(err.Error())
	}
	path := draft.Name()
	_, err = draft.Write(text)
	if e := draft.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(path)
		return policy(err.Error())
	}
	for {
		if err := s.runEditor(h, path); err != nil {
			os.Remove(path)
			return err
		}
		edited, err := os.ReadFile(path)
		if err != nil {
			return policy(err.Error())
		}
		if string(edited) == string(text) {
			os.Remove(path)
			s.say("Nothing was changed.")
			return nil
		}
		p, err := h.EditProfile(name, edited)
		if err == nil {
			os.Remove(path)
			return s.afterEdit(ctx, h, p)
		}
		again, askErr := s.askYes(err.Error() + ". Edit again?")
		if askErr != nil || !again {
			return keepDraft(err, path)
		}
	}
}

// keepDraft says where the edited text is, because it was not saved as the profile.
func keepDraft(err error, path string) error {
	kept := &protocol.Error{Kind: protocol.ErrPolicy, Text: err.Error() + "; nothing was changed, your text is in " + path}
	var known *protocol.Error
	if errors.As(err, &known) {
		kept.Kind, kept.Hint = known.Kind, known.Hint
	}
	return kept
}

// afterEdit warns if the stored secret does not match the profile any more.
func (s *session) afterEdit(ctx context.Context, h *helper.Helper, p *config.Profile) error {
	for _, w := range seldomMeant(p) {
		s.say("Note: " + w)
	}
	if changes, err := h.Changes(ctx, p); err == nil && len(changes) > 0 {
		s.say("The secret of " + p.Name + " was stored for other " + changes[0].Name + ". If that is right: credhelper rebind " + p.Name)
		return nil
	}
	s.say("Profile " + p.Name + " is changed.")
	return nil
}

// runEditor runs the user's editor without a shell: a program and its arguments,
// separated by spaces (T5).
func (s *session) runEditor(h *helper.Helper, path string) error {
	var command []string
	for _, name := range [...]string{"VISUAL", "EDITOR"} {
		if words := strings.Fields(s.env(name)); len(words) > 0 {
			command = words
			break
		}
	}
	if command == nil && !isTerminal(s.stdin) {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "edit: there is no terminal to edit on", Hint: "set EDITOR, or put the file in place yourself: credhelper show NAME says where it is"}
	}
	if command == nil {
		command = []string{"vi"}
	}
	program, err := s.findProgram(command[0])
	if err != nil {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "no editor: " + err.Error(), Hint: "set EDITOR"}
	}
	cmd := exec.Command(program, append(command[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.stdin, s.stdout, s.stderr
	cmd.Env = s.childEnvironment(h)
	signals := holdSignals()
	defer signals.stop()
	if err := s.limits.ForChild(cmd.Start); err != nil {
		return policy("cannot run " + program + ": " + err.Error())
	}
	signals.passTo(cmd.Process)
	if code, err := childExit(cmd.Wait()); err != nil || code != 0 {
		return policy(fmt.Sprintf("%s exited with %d; nothing was changed", filepath.Base(program), code))
	}
	return nil
}

// removeCommand removes a profile with its secret.
func (s *session) removeCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:               "remove NAME [--yes]",
		Example:           "  credhelper remove jama",
		SuggestFor:        []string{"rm", "delete"},
		Short:             "remove a profile, its secret and its cached token",
		GroupID:           groupManage,
		Args:              between(1, 1),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.remove(c.Context(), args[0], yes) },
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (s *session) remove(ctx context.Context, name string, yes bool) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	if err := h.Removable(name); err != nil {
		return err
	}
	// A script means what it says; a person may have mistyped, and many secrets are
	// shown only once.
	if !yes && s.interactive() && isTerminal(s.stdin) {
		if sure, err := s.askYes("Remove profile " + name + " and its secret?"); err != nil || !sure {
			return errors.Join(err, malformed("nothing was removed"))
		}
	}
	wired := s.wiringsOf(ctx, name)
	if err := h.RemoveProfile(ctx, name); err != nil {
		return err
	}
	s.say("Profile " + name + " is removed.")
	for _, w := range wired {
		s.say("Note: " + w.tool + " still asks for it (" + strings.Join(w.plan.There(), ", ") + "); take that back: credhelper setup " + w.tool + " " + name + " --remove")
	}
	return nil
}

// exportCommand writes profiles without secrets.
func (s *session) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "export [NAME ...]",
		Example:           "  credhelper export jama orders > profiles.toml",
		Short:             "write profiles, never secrets, as one TOML document",
		GroupID:           groupManage,
		ValidArgsFunction: s.completeProfiles,
		Args:              cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := s.open()
			if err != nil {
				return err
			}
			text, err := h.Export(args...)
			if err != nil {
				return err
			}
			return s.print(string(text))
		},
	}
}

// allowLocal is the flag of import that lets a person approve what a document refers to
// on this machine.
const allowLocal = "allow-local-sources"

// importCommand reads the output of export.
func (s *session) importCommand() *cobra.Command {
	var local bool
	c := &cobra.Command{
		Use:     "import FILE [--allow-local-sources]",
		Example: "  credhelper import profiles.toml",
		Short:   "add the profiles of an exported document (- is stdin)",
		Long: "Adds the profiles of a document that credhelper export wrote; all of them or\n" +
			"none. A document that names a command, a variable or a file of this machine is\n" +
			"refused: its author would choose what runs here, and where the rest is sent.",
		GroupID:     groupManage,
		Args:        between(1, 1),
		Annotations: map[string]string{"patient": allowLocal},
		RunE:        func(_ *cobra.Command, args []string) error { return s.importFile(args[0], local) },
	}
	c.Flags().BoolVar(&local, allowLocal, false, "show what the document names on this machine, and ask about each")
	return c
}

func (s *session) importFile(path string, local bool) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	in := s.stdin
	if path != "-" {
		if in, err = os.Open(path); err != nil {
			return policy(err.Error())
		}
		defer in.Close()
	}
	text, err := readWhole(in, path)
	if err != nil {
		return err
	}
	var allow func(string, config.Source) error
	if local {
		allow = s.allowSource
	}
	names, err := h.Import(text, allow)
	if err != nil {
		return err
	}
	s.say("Added " + strings.Join(names, ", ") + ". Store their secrets: credhelper rotate " + names[0])
	return nil
}

// allowSource asks about one key of a document that refers to this machine. The value
// is shown in full, because its last word may be the important one.
func (s *session) allowSource(profile string, source config.Source) error {
	const longest = 1000
	if len(source.String()) > longest {
		return policy("profile " + profile + ": " + source.Key + " is too long to be shown on a terminal; nothing was added")
	}
	what := "is this profile to read it at each fetch?"
	if source.Secret {
		what = "is this profile to run or read it at each fetch, and its server to get the result?"
	}
	yes, err := s.askYes("profile " + profile + ": " + source.String() + ": " + what)
	if errors.Is(err, terminal.ErrNone) {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "import --" + allowLocal + ": there is no terminal for a prompt",
			Hint: "put the profile's file in place yourself: docs/profiles.md"}
	}
	if err == nil && !yes {
		err = policy("profile " + profile + ": " + source.Key + " was not agreed to; nothing was added")
	}
	return err
}

// printJSON writes an answer as indented JSON.
func (s *session) printJSON(v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the readers are people and jq, and addresses may contain <>
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	return s.print(b.String())
}

// readWhole reads a document, whose size helper.Import limits.
func readWhole(in *os.File, name string) ([]byte, error) {
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, policy(name + ": " + err.Error())
	}
	if len(text) > most {
		return nil, malformed(name + " is too large to be an export")
	}
	return text, nil
}

// seldomMeant lists settings of a profile that are legal but unusual.
func seldomMeant(p *config.Profile) (list []string) {
	if len(p.Origins) == 0 {
		list = append(list, "it owns no origin: its token is given by name only, never for a URL (set url or origins)")
	}
	return list
}
