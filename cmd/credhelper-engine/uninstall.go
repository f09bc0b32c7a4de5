package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/cmd/internal/wiring"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
)

// uninstallCommand takes back what credhelper did to this user's account.
func (s *session) uninstallCommand() *cobra.Command {
	var dry, yes bool
	c := &cobra.Command{
		Use:        "uninstall [--dry-run] [--yes]",
		SuggestFor: []string{"purge"},
		Short:      "take back the wiring of tools, cached tokens and kernel keys; and, if you say so, secrets",
		Long: "Takes back what setup wrote for tools, and the cached tokens with their keys. Then\n" +
			"it asks whether the profiles and their secrets go, too: --yes says so beforehand,\n" +
			"and without a terminal they stay. The executables are left to who installed them.",
		Example:     "  credhelper uninstall --dry-run\n  credhelper uninstall --yes",
		GroupID:     groupKeep,
		Args:        between(0, 0),
		Annotations: patient,
		RunE:        func(c *cobra.Command, _ []string) error { return s.uninstall(c.Context(), dry, yes) },
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be done")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "remove the profiles and their secrets, too, without asking")
	return c
}

// wired is the wiring of a tool that is there.
type wired struct {
	tool string
	plan wiring.Plan
}

// wiringsOf returns what is wired for a profile, or for none ("").
func (s *session) wiringsOf(ctx context.Context, name string) (list []wired) {
	var names []string
	if name != "" {
		names = []string{name}
	}
	place, err := s.setupPlace(ctx, names, setupFlags{remove: true})
	if err != nil {
		return nil // where nothing can be wired nothing is
	}
	for i := range wiring.Tools {
		tool := &wiring.Tools[i]
		if tool.NeedsProfile() && name == "" {
			continue
		}
		if plan, err := tool.Plan(place); err == nil && !plan.IsShell() && len(plan.There()) > 0 {
			list = append(list, wired{tool.Name(), plan})
		}
	}
	return list
}

func (s *session) uninstall(ctx context.Context, dry, yes bool) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	dirs, err := s.dirs()
	if err != nil {
		return err
	}
	names, err := h.ProfileNames()
	if err != nil {
		return err
	}
	var found []wired
	var paths []string
	for _, name := range append(slices.Clone(names), "") {
		for _, w := range s.wiringsOf(ctx, name) {
			found = append(found, w)
			paths = append(paths, w.plan.There()...)
		}
	}
	slices.Sort(paths)
	own := ownDirs(dirs)
	if dry {
		return s.wouldUninstall(slices.Compact(paths), names, own)
	}
	if !yes && len(own) > 0 {
		if yes, err = s.askYes("Remove the profiles and their secrets, too? They may have been shown only once."); err != nil && !errors.Is(err, terminal.ErrNone) {
			return err
		}
	}
	var failed error
	for _, w := range found {
		_, left, err := w.plan.Undo()
		s.sayAll(left)
		failed = errors.Join(failed, err)
	}
	if len(own) == 0 {
		s.say("Nothing else is there. The executables: remove the package, or the files credhelper, credhelper-engine and credhelper-plugin.")
		return failed
	}
	if err := errors.Join(failed, s.forgetKeys(ctx, h)); err != nil {
		return err
	}
	s.say("Taken back: the wiring of tools, the cached tokens and their keys.")
	if !yes {
		s.say("Kept: the profiles and their secrets, in " + strings.Join(own, ", ") + ". To remove them, too: credhelper uninstall --yes")
		return nil
	}
	return s.removeAll(ctx, h, names, own)
}

// wouldUninstall says what uninstall does.
func (s *session) wouldUninstall(paths, names, own []string) error {
	var b strings.Builder
	for _, path := range paths {
		b.WriteString("take back   " + path + "\n")
	}
	if len(own) > 0 {
		b.WriteString("forget      the cached tokens, and their keys in the kernel\n")
	}
	for _, name := range names {
		b.WriteString("with --yes  profile " + name + " and its secret\n")
	}
	for _, dir := range own {
		b.WriteString("with --yes  " + dir + "\n")
	}
	if err := s.print(b.String()); err != nil {
		return err
	}
	s.say("Nothing was changed.")
	return nil
}

// ownDirs are the directories of this home that exist.
func ownDirs(d cache.Dirs) (list []string) {
	for _, dir := range [...]string{d.Config, d.Data, d.State} {
		if exists(dir) && !slices.Contains(list, dir) {
			list = append(list, dir)
		}
	}
	return list
}

// forgetKeys drops the cached tokens, and the keys that the kernel has.
func (s *session) forgetKeys(ctx context.Context, h *helper.Helper) error {
	file, err := s.openFile(ctx)
	if err == nil {
		err = file.Lock(ctx)
	}
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	return h.Lock(ctx)
}

// removeAll removes the secrets, then the profiles, then the directories. It ends at the
// first secret that the keyring does not give up, so that none is left behind unnoticed.
func (s *session) removeAll(ctx context.Context, h *helper.Helper, names, own []string) error {
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	for _, name := range names {
		if settings.Keyring == "" || settings.Keyring == fileKeyring {
			break // its files go with the directories, locked or not
		}
		if err := h.DeleteSecret(ctx, name); err != nil {
			return notStored(err, "the profiles and what else is stored are unchanged")
		}
	}
	for _, dir := range own {
		if err := os.RemoveAll(dir); err != nil {
			return policy(err.Error())
		}
	}
	s.say("Removed: the profiles, their secrets, the log (" + strings.Join(own, ", ") + ").")
	s.say("The executables: remove the package, or the files credhelper, credhelper-engine and credhelper-plugin.")
	return nil
}
