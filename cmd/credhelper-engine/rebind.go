package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// rebindCommand binds a profile's secret to the changed profile.
func (s *session) rebindCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:               "rebind NAME [--yes]",
		Example:           "  credhelper rebind jama",
		Short:             "allow the stored secret for what the profile says now",
		GroupID:           groupManage,
		Args:              between(1, 1),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.rebind(c.Context(), args[0], yes) },
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// rebind shows both values and asks: the person who changed the profile may not be the
// owner of the secret (T14).
func (s *session) rebind(ctx context.Context, name string, yes bool) error {
	h, p, err := s.openProfile(name)
	if err != nil {
		return err
	}
	changes, err := h.Changes(ctx, p)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		s.say("Nothing to do: the secret of " + name + " was stored for what the profile says.")
		return nil
	}
	if !yes && !s.personSits() {
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: "profile " + name + ": its secret was stored for " + changes[0].Name + " " + orNone(printable.Value(changes[0].Stored)) + ", and nobody is here to agree to " + orNone(printable.Value(changes[0].Now)),
			Hint: "if that is right: credhelper rebind " + name + " --yes",
		}
	}
	for _, c := range changes {
		s.say(c.Name + ": stored for " + orNone(printable.Value(c.Stored)) + ", the profile says " + orNone(printable.Value(c.Now)))
	}
	if !yes {
		sure, err := s.askYes("Use the secret for that from now on?")
		if err != nil || !sure {
			return errors.Join(err, protocol.Policy("profile "+name+": the secret stays bound to what it was stored for"))
		}
	}
	if err := h.Rebind(ctx, p); err != nil {
		return err
	}
	s.say("The secret of " + name + " is bound to the profile as it is.")
	return nil
}
