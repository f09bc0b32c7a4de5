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

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/private"
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
	var draft *os.File
	own, err := private.Folder(dirs.Config) // missing where only the system has profiles
	if err == nil {
		own.Close()
		draft, err = os.CreateTemp(dirs.Config, ".edit-*.toml") // 0600
	}
	if err != nil {
		return protocol.Policy(err.Error())
	}
	path := draft.Name()
	_, err = draft.Write(text)
	if e := draft.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(path)
		return protocol.Policy(err.Error())
	}
	for {
		if err := s.runEditor(h, name, path); err != nil {
			os.Remove(path)
			return err
		}
		edited, err := os.ReadFile(path)
		if err != nil {
			return protocol.Policy(err.Error())
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

// editor returns the program that the user's variables name and its arguments, which are
// separated by spaces; nil if they name none. The path of a program may have spaces, too,
// as on Windows.
func (s *session) editor() []string {
	for _, name := range [...]string{"VISUAL", "EDITOR"} {
		value := strings.TrimSpace(s.env(name))
		if _, err := os.Stat(value); err == nil && filepath.IsAbs(value) {
			return []string{value}
		}
		if words := strings.Fields(value); len(words) > 0 {
			return words
		}
	}
	return nil
}

// keepDraft says where the edited text is, because it was not saved as the profile.
func keepDraft(err error, path string) error {
	e := &protocol.Error{Kind: protocol.ErrPolicy, Text: err.Error() + "; nothing was changed, your text is in " + path}
	var cause *protocol.Error
	if errors.As(err, &cause) {
		e.Kind, e.Hint = cause.Kind, cause.Hint
	}
	return e
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

// runEditor runs the user's editor on the draft of a profile, without a shell (T5).
func (s *session) runEditor(h *helper.Helper, profile, path string) error {
	command := s.editor()
	if command == nil && !isTerminal(s.stdin) {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "edit: there is no terminal to edit on", Hint: "set EDITOR, or put the file in place yourself: credhelper show " + profile + " --full says where it is"}
	}
	if command == nil {
		command = []string{"vi"}
		if windows {
			command = []string{"notepad.exe"}
		}
	}
	program, err := s.findProgram(command[0])
	if err != nil {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "no editor: " + err.Error(), Hint: "set EDITOR"}
	}
	cmd := exec.Command(program, append(command[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.stdin, s.stdout, s.stderr
	cmd.Env = s.childEnvironment(h)
	if err := inner.ForBatch(cmd); err != nil {
		return err
	}
	signals := inner.HoldSignals()
	defer signals.Stop()
	if err := s.limits.ForChild(cmd.Start); err != nil {
		return inner.CannotRun(program, err)
	}
	signals.PassTo(cmd.Process)
	if code, err := inner.ChildExit(cmd.Wait()); err != nil || code != 0 {
		return protocol.Policy(fmt.Sprintf("%s exited with %d; nothing was changed", filepath.Base(program), code))
	}
	return nil
}
