package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// testCommand contacts the server and the API, regardless of the cache.
func (s *session) testCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "test NAME",
		Example:           "  credhelper test jama",
		Short:             "fetch a token and ask the API who it is for",
		GroupID:           groupUse,
		Args:              between(1, 1),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.test(c.Context(), args[0]) },
	}
}

// testedRecord is the output of test --json.
type testedRecord struct {
	Profile  string `json:"profile"`
	TokenURL string `json:"token_url,omitempty"`
	Seconds  int64  `json:"token_seconds,omitempty"`
	Issued   string `json:"issued_token_type,omitempty"`
	ProbeURL string `json:"probe_url,omitempty"`
	Status   int    `json:"probe_status,omitempty"`
	Identity string `json:"identity,omitempty"`
	Exit     int    `json:"exit"`
	Error    string `json:"error,omitempty"`
}

func (s *session) test(ctx context.Context, name string) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	t, err := h.Test(ctx, name)
	if s.flags.json {
		r := testedRecord{
			Profile: t.Profile, TokenURL: t.TokenURL, Seconds: int64(t.Life / time.Second), Issued: t.Issued,
			ProbeURL: t.ProbeURL, Status: t.Status, Identity: t.Identity, Exit: protocol.ExitCode(err),
		}
		if err != nil {
			r.Error = printable.Line(err.Error())
		}
		return errors.Join(s.printJSON(r), err)
	}
	s.sayTested(t)
	if s.flags.verbose && t.Life > 0 {
		s.say(fmt.Sprintf("    tries %d, server's clock %s, scope %s", t.Tries, t.Skew, orNone(t.Scope)))
	}
	return err
}
