package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// explainCommand reports which profile answers for a URL, and why others do not.
func (s *session) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain URL",
		Example: "  credhelper explain https://example.jamacloud.com/rest/v1/projects",
		Short:   "show which profile owns a URL, and why",
		GroupID: groupKeep,
		Args:    between(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return s.explain(c.Context(), args[0]) },
	}
}

func (s *session) explain(ctx context.Context, url string) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	if p, err := h.Profile(url); err == nil {
		return &protocol.Error{Kind: protocol.ErrPolicy, Text: p.Name + " is a profile, and explain is about a URL",
			Hint: "which URLs are its own: credhelper show " + p.Name}
	}
	x := h.Explain(ctx, url)
	var lines []string
	if x.Err == nil {
		here := 0
		for _, o := range x.Also {
			if o.Host {
				here++
			}
		}
		line := "profile " + x.Owner + "  owns " + bothForms(x.Origin)
		if here > 0 {
			line += fmt.Sprintf("   (the closest of %d on this host)", here+1)
		}
		lines = append(lines, line)
	}
	for _, o := range x.Also {
		line := "also there: " + o.Profile + " owns " + bothForms(o.Origin)
		if o.Reason != "" {
			line += ": " + o.Reason
		}
		lines = append(lines, line)
	}
	for _, problem := range x.Skipped {
		lines = append(lines, "left out: "+printable.Line(problem.Error()))
	}
	if x.Err == nil {
		lines = append(lines, "token: "+explainToken(x.Token))
	}
	if x.Err != nil {
		// stdout stays empty for a refusal; the nearest origins are for the person at
		// stderr.
		for _, line := range lines {
			s.say(line)
		}
		if errors.Is(x.Err, protocol.ErrNoProfile) && len(x.Skipped) == 0 { // nothing but explain is left to type
			return &protocol.Error{Kind: protocol.ErrNoProfile, Text: x.Err.Error(), Hint: "profiles and what they own: credhelper list"}
		}
		return x.Err
	}
	return s.print(strings.Join(lines, "\n") + "\n")
}

func explainToken(t helper.TokenStatus) string {
	switch {
	case t.Cached:
		return "cached, " + failure.Span(t.Left) + " left" + poolWords(t) + "; would be answered without network"
	case t.Over:
		return "none: the sign-in is over; the server said: " + printable.Line(t.Reason)
	case t.Wait > 0:
		return "not asked for again for " + failure.Span(t.Wait) + "; the earlier reason: " + printable.Line(t.Reason)
	}
	return "none cached" + poolWords(t) + "; would be fetched"
}

// poolWords says with whom a token is shared; "" if it is not.
func poolWords(t helper.TokenStatus) string {
	switch {
	case t.Pool == "":
		return ""
	case t.Stop:
		return ", waiting since " + t.Lost.Format(time.TimeOnly) + "Z: the store of pool " + t.Pool + " is lost"
	case !t.Lost.IsZero():
		return ", alone since " + t.Lost.Format(time.TimeOnly) + "Z: the store of pool " + t.Pool + " is lost"
	case t.By == "":
		return ", pool " + t.Pool
	}
	return ", pool " + t.Pool + ", fetched by " + printable.Line(t.By)
}
