package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/expiry"
	"github.com/credhelper/credhelper/protocol"
)

// rotateFlags are the flags of rotate.
type rotateFlags struct {
	confirm, rollback, noVerify bool
	expires                     string
}

// rotateCommand stores another secret, and keeps the previous one until the new one is
// confirmed.
func (s *session) rotateCommand() *cobra.Command {
	var f rotateFlags
	c := &cobra.Command{
		Use:   "rotate NAME [--confirm | --rollback]",
		Short: "store a new secret; the old one is kept until --confirm, and --rollback goes back to it",
		Long: "Stores a new secret for a profile, or its first one. The server is asked for a\n" +
			"token with it first: what it refuses is not stored, and the secret before stays in\n" +
			"use. Programs that run take the new one over by themselves.\n\n" +
			"The last secret that was confirmed is kept: --rollback goes back to it, if the\n" +
			"server still takes it, and --confirm forgets it.\n\n" +
			"The secret that is in use already changes nothing and asks nobody; --json says\n" +
			"{\"changed\": false} then.",
		Example: "  credhelper rotate jama --expires 2027-06-30\n" +
			"  credhelper rotate jama --secret-stdin --json < secret | jq .changed\n" +
			"  credhelper rotate jama --confirm",
		GroupID:           groupManage,
		Args:              between(1, 1),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.rotate(c.Context(), args[0], f) },
	}
	c.Flags().BoolVar(&f.confirm, "confirm", false, "the new secret works everywhere; forget the old one")
	c.Flags().BoolVar(&f.rollback, "rollback", false, "use the last confirmed secret again")
	c.Flags().BoolVar(&f.noVerify, "no-verify", false, "do not ask the server first")
	c.Flags().StringVar(&f.expires, "expires", "", "when the secret expires (`YYYY-MM-DD`), for a reminder")
	s.secretFlagsOf(c)
	return c
}

func (s *session) rotate(ctx context.Context, name string, f rotateFlags) error {
	h, p, err := s.openProfile(name)
	if err != nil {
		return err
	}
	switch {
	case f.confirm && f.rollback:
		return protocol.Malformed("--confirm and --rollback: one of them")
	case f.expires != "" && (f.confirm || f.rollback):
		return protocol.Malformed("--expires is said of a new secret")
	case f.confirm:
		return s.confirm(ctx, h, p)
	case f.rollback:
		return s.rollBack(ctx, h, p, f)
	case !p.InKeyring():
		return protocol.Policy("profile " + name + ": its secret comes from " + p.Secret[0] + "; change it there")
	}
	return s.storeNew(ctx, h, p, f)
}

// storeNew replaces the secret once the server has accepted the new one. Until then the
// new one exists only in the memory of this process.
func (s *session) storeNew(ctx context.Context, h *helper.Helper, p *config.Profile, f rotateFlags) error {
	expires, err := s.expiryDate(f.expires)
	if err != nil {
		return err
	}
	choice, err := s.chooseKeyring(ctx, h)
	if err != nil {
		return err
	}
	text, err := s.readProof(p, func() error { return choice.ready(ctx, s, h, p) })
	if err == nil && !s.typed { // before the server is asked in vain
		err = choice.accepts(ctx, h, p)
	}
	if err != nil {
		return err
	}
	same, err := h.Holds(ctx, p, text, expires)
	if err != nil && !choice.fresh {
		return err
	}
	if same {
		s.say(p.Name + " has this secret already; nothing to do. To ask the server about it: credhelper test " + p.Name)
		return s.sayChanged(p, false, false)
	}
	var tested helper.TestResult
	var doubt error
	if !f.noVerify {
		if tested, doubt, err = s.verified(ctx, h, p, text, true); err != nil {
			return err
		}
	}
	var rotated helper.Rotated
	err = choice.store(ctx, s, h, func() (err error) {
		rotated, err = h.Rotate(ctx, p, text, expires, tested)
		return err
	})
	if err != nil {
		return err
	}
	s.say(rotatedLine(p.Name, rotated))
	if err := s.sayChanged(p, true, rotated.First); err != nil {
		return err
	}
	if f.expires == "" && p.SecretExpires.After(s.now()) {
		s.say("Note: the profile still says secret_expires = " + p.SecretExpires.Format(time.DateOnly) + "; if that was the earlier secret's: credhelper edit " + p.Name)
	}
	return doubt
}

// rotatedLine says what happened to the secret, and what to type later. After a first secret
// there is no old one to forget.
func rotatedLine(name string, rotated helper.Rotated) string {
	if rotated.First {
		return "The secret of " + name + " is stored and in use."
	}
	line := "The new secret of " + name + " is stored and in use."
	if rotated.Replaced {
		line += " The one that it replaces was never confirmed and is gone; the one before that is kept."
	}
	return line + " Once it works everywhere: credhelper rotate " + name + " --confirm"
}

// sayChanged prints for --json what a provisioning tool wants to know.
func (s *session) sayChanged(p *config.Profile, changed, first bool) error {
	if !s.flags.json {
		return nil
	}
	return s.printJSON(struct {
		Profile string `json:"profile"`
		Changed bool   `json:"changed"`
		First   bool   `json:"first"`
	}{p.Name, changed, first})
}

// confirm forgets the old secret. If there is none, nothing is left to do.
func (s *session) confirm(ctx context.Context, h *helper.Helper, p *config.Profile) error {
	forgotten, err := h.ConfirmSecret(ctx, p)
	switch {
	case err != nil:
		return err
	case !forgotten:
		s.say("Note: " + p.Name + " has no earlier secret; there is nothing to confirm.")
		return s.sayChanged(p, false, false)
	}
	s.say("The other secret of " + p.Name + " is forgotten.")
	return s.sayChanged(p, true, false)
}

// rollBack restores the earlier secret if the server still accepts it.
func (s *session) rollBack(ctx context.Context, h *helper.Helper, p *config.Profile, f rotateFlags) error {
	var doubt error
	if !f.noVerify && !p.Interactive() {
		verifying, cancel := context.WithTimeout(ctx, 2*answerTime)
		defer cancel()
		tested, err := h.TryEarlier(verifying, p)
		s.sayTested(tested)
		switch {
		case errors.Is(err, protocol.ErrProbe):
			doubt = err // the token itself is valid
		case errors.Is(err, protocol.ErrUnreachable):
			return notStored(err, "nothing was changed; to go back all the same: credhelper rotate "+p.Name+" --rollback --no-verify")
		case errors.Is(err, protocol.ErrRefused):
			return notStored(err, "that is the earlier secret, and the current one stays in use")
		case err != nil:
			return err
		}
	}
	if err := h.RollbackSecret(ctx, p); err != nil {
		return err
	}
	s.say("The earlier secret of " + p.Name + " is in use again; rotate --rollback undoes this.")
	if list, err := h.Status(ctx, p.Name); err == nil && list[0].Expiry().Urgency(s.now()) > expiry.Calm {
		s.say("Note: its " + list[0].Expiry().Words(s.now()) + ".")
	}
	return doubt
}
