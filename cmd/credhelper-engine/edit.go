package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
)

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
