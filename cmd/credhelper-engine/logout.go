package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"
)

// logoutCommand ends a sign-in, or drops any other profile's cached token: at the
// server if it supports that (RFC 7009), and locally in any case (T16, T26).
func (s *session) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "logout NAME",
		Example: "  credhelper logout jira-user",
		Short:   "revoke the tokens of a profile at the server, and forget them",
		Long: "Revokes the sign-in and the cached token of a profile at the server, if the\n" +
			"profile has a revocation_url, and forgets both here even if the server does not\n" +
			"answer. A client secret stays stored; remove takes that away, too.",
		GroupID:           groupManage,
		Args:              between(1, 1),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.logout(c.Context(), args[0]) },
	}
}

func (s *session) logout(ctx context.Context, name string) error {
	h, p, err := s.openProfile(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	revoked, problem, err := h.SignOut(ctx, p)
	if err != nil {
		return err
	}
	if problem != nil {
		return notStored(problem, "forgotten here, but the server still knows it")
	}
	switch {
	case p.RevocationURL == "":
		s.say("Forgotten: " + name + ". The profile has no revocation_url, so the server was not told.")
	case revoked == 0:
		s.say("Forgotten: " + name + ". There was nothing to revoke.")
	default:
		s.say("Signed out: " + name + ". Revoked at the server: " + strconv.Itoa(revoked) + ".")
	}
	return nil
}
