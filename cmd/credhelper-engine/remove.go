package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/protocol"
)

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
	if !yes { // many secrets are shown only once, so a loop with a wrong name must not lose them
		sure, err := s.askYes("Remove profile " + name + " and its secret?")
		if err != nil || !sure {
			return &protocol.Error{Kind: protocol.ErrMalformed, Text: "nothing was removed", Hint: "without a question: credhelper remove " + name + " --yes"}
		}
	}
	setups, guests := s.wiringsOf(ctx, name), s.lent(ctx, h).of(name)
	if err := h.RemoveProfile(ctx, name); err != nil {
		return err
	}
	s.say("Profile " + name + " is removed.")
	for _, guest := range guests {
		s.say("Note: it was lent to guest " + guest + ", which would get it again from a new profile of that name; take it back: credhelper lend --revoke " + guest)
	}
	for _, w := range setups {
		s.say("Note: " + w.tool + " still asks for it (" + strings.Join(w.plan.There(), ", ") + "); undo that: credhelper setup " + w.tool + " " + name + " --remove")
	}
	return nil
}
