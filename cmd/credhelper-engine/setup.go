package main

import (
	"cmp"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/wiring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// setupFlags are the flags of setup.
type setupFlags struct {
	write, remove bool
	bearerFile    string
}

func (s *session) setupCommand() *cobra.Command {
	var flags setupFlags
	c := &cobra.Command{
		Use:     "setup [TOOL [NAME]] [--write | --remove]",
		Example: "  credhelper setup\n  credhelper setup git jama\n  credhelper setup git jama --write",
		Short:   "print, apply or undo the configuration of git, docker, kubectl, ...",
		GroupID: groupManage,
		Args:    between(0, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return wiring.Names(), cobra.ShellCompDirectiveNoFileComp
			}
			return s.completeProfiles(nil, nil, "")
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.print(wiring.List())
			}
			return s.setup(c.Context(), flags, args)
		},
	}
	c.Flags().BoolVar(&flags.write, "write", false, "apply it; a copy of each changed file is kept beside it")
	c.Flags().BoolVar(&flags.remove, "remove", false, "undo what --write did")
	c.Flags().StringVar(&flags.bearerFile, "bearer-file", "", "git: include `FILE`, in which sink keeps the header (for git before 2.46)")
	return c
}

func (s *session) setup(ctx context.Context, flags setupFlags, args []string) error {
	if flags.write && flags.remove {
		return protocol.Malformed("--write or --remove, not both")
	}
	tool := wiring.Find(args[0])
	if tool == nil {
		return &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "setup does not support " + printable.Value(args[0]),
			Hint: cmp.Or(didYouMean(args[0], wiring.Names()), "it supports "+strings.Join(wiring.Names(), ", ")),
		}
	}
	if len(args) < 2 && tool.NeedsProfile() {
		return &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "for " + args[0] + " a profile must be named",
			Hint: "credhelper setup " + args[0] + " NAME; the names: credhelper list",
		}
	}
	place, err := s.setupPlace(ctx, args[1:], flags)
	if err != nil {
		return err
	}
	if !flags.remove {
		if err := place.Fits(tool); err != nil {
			return err
		}
	}
	plan, err := tool.Plan(place)
	switch {
	case err != nil:
		return err
	case plan.IsShell() && (flags.write || flags.remove):
		return &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "setup cannot write the configuration of " + args[0],
			Hint: "see what to type: credhelper setup " + strings.Join(args, " "),
		}
	case flags.write:
		return s.applyPlan(place, plan)
	case flags.remove:
		return s.undoPlan(plan)
	}
	return s.printPlan(place, plan)
}

// setupPlace returns the profile and the directories for setup. A profile that is gone
// can still have its wiring removed.
func (s *session) setupPlace(ctx context.Context, names []string, flags setupFlags) (*wiring.Place, error) {
	o := wiring.Options{
		Home: s.env("HOME"), Env: s.env, BearerFile: flags.bearerFile, Door: "http://" + inner.DefaultListen,
		GitVersion:   func() string { return s.ask(ctx, "git", "version") },
		KubeClusters: func() string { return s.ask(ctx, "kubectl", "config", "view", "--raw", "-o", "jsonpath={.clusters}") },
	}
	if windows {
		o.Home = s.env("USERPROFILE")
	}
	if !filepath.IsAbs(o.Home) {
		return nil, protocol.Policy("there is no home directory to write to")
	}
	front, err := handover.Front()
	if err != nil {
		return nil, err
	}
	o.Credhelper = handover.Lasting(front, filepath.SplitList(s.env("PATH")))
	if len(names) == 0 {
		return wiring.NewPlace(o), nil
	}
	if o.Name = names[0]; !protocol.ValidProfile(o.Name) {
		return nil, protocol.Malformed("not a profile's name: " + printable.Value(o.Name))
	}
	h, err := s.open()
	if err != nil {
		return nil, err
	}
	if o.Profile, err = h.Profile(o.Name); err != nil && !flags.remove {
		return nil, err
	}
	return wiring.NewPlace(o), nil
}

// printPlan prints what --write would do.
func (s *session) printPlan(p *wiring.Place, plan wiring.Plan) error {
	if err := s.print(plan.Text()); err != nil {
		return err
	}
	switch {
	case plan.IsShell() && windows:
		s.say("These lines are for sh, as in Git Bash.")
	case !plan.IsShell():
		s.say("Nothing was changed. Apply it with --write, undo it with --remove.")
	}
	s.sayAll(plan.Unfound(p))
	return nil
}

func (s *session) applyPlan(p *wiring.Place, plan wiring.Plan) error {
	report, err := plan.Apply()
	if err != nil {
		return err
	}
	if err := s.print(report); err != nil {
		return err
	}
	s.sayAll(plan.Next())
	s.sayAll(plan.Unfound(p))
	return nil
}

func (s *session) undoPlan(plan wiring.Plan) error {
	report, left, failed := plan.Undo()
	s.sayAll(left)
	return errors.Join(failed, s.print(report))
}

func (s *session) sayAll(lines []string) {
	for _, line := range lines {
		s.say(line)
	}
}

// ask runs a tool and returns its output, such as its version or its configuration; ""
// if it fails.
func (s *session) ask(ctx context.Context, tool string, args ...string) string {
	program, err := s.findProgram(tool)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C"}
	for _, name := range [...]string{"PATH", "SystemRoot", "HOME", "USERPROFILE", "KUBECONFIG"} {
		if value := s.env(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	out, _ := cmd.Output()
	return string(out)
}
