package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/cmd/internal/wiring"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// uninstallCommand takes back what credhelper did to this user's account.
func (s *session) uninstallCommand() *cobra.Command {
	var dry, yes bool
	c := &cobra.Command{
		Use:        "uninstall [--dry-run] [--yes]",
		SuggestFor: []string{"purge"},
		Short:      "undo setup, remove cached tokens and kernel keys; and, if you say so, secrets",
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

// toolSetup is the wiring of a tool that is there.
type toolSetup struct {
	tool string
	plan wiring.Plan
}

// wiringsOf returns what is wired for a profile, or for none ("").
func (s *session) wiringsOf(ctx context.Context, name string) (list []toolSetup) {
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
			list = append(list, toolSetup{tool.Name(), plan})
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
	var found []toolSetup
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
	s.say("Removed: the configuration of tools, the cached tokens and their keys.")
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
	if settings.Keyring != "" && settings.Keyring != fileKeyring { // whose files go with the directories, locked or not
		for _, name := range names {
			if err := h.DeleteSecret(ctx, name); err != nil {
				return notStored(err, "the profiles and what else is stored are unchanged")
			}
		}
		if err := h.DeleteDoorItems(ctx); err != nil {
			return err
		}
	}
	var rest []string
	for _, dir := range own {
		left, err := removeOwn(dir)
		if err != nil {
			return protocol.Policy(err.Error())
		}
		rest = append(rest, left...)
	}
	s.say("Removed: the profiles, their secrets, the log (" + strings.Join(own, ", ") + ").")
	if len(rest) > 0 {
		s.say("Kept, as credhelper did not write it: " + strings.Join(rest, ", "))
	}
	s.say("The executables: remove the package, or the files credhelper, credhelper-engine and credhelper-plugin.")
	return nil
}

// ownNames are the names in the directories of a home (docs/architecture.md, "What is on
// disk"); those with a slash at the end are removed with all below them.
var ownNames = [...]string{
	"config.toml", ".edit-*.toml", "profiles/*.toml", "profiles", "presets/*.toml", "presets", "guests/*.toml", "guests",
	"keyring/", "keyring.key", "keyring.plugin", "oversize/",
	"run/", "locks/", "exec/", "log", "log" + logfile.Older,
	".tmp-*", "*/.tmp-*", // of writers that were killed
}

// removeOwn removes what is credhelper's in a directory, and then the directory if it is
// empty: CREDHELPER_HOME may be a directory of other things. It returns what it leaves,
// and follows no link out of the directory.
func removeOwn(dir string) (left []string, err error) {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		target, _ := os.Readlink(dir)
		return []string{printable.Value(target)}, errors.Join(err, os.Remove(dir))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, pattern := range ownNames {
		name, whole := strings.CutSuffix(pattern, "/")
		found := []string{name}
		if strings.Contains(name, "*") { // Glob does not find a link that leads nowhere
			found, _ = fs.Glob(root.FS(), name)
		}
		for _, name := range found {
			if whole {
				err = errors.Join(err, root.RemoveAll(name))
			} else {
				_ = root.Remove(name) // else it is left, which is said
			}
		}
	}
	entries, _ := fs.ReadDir(root.FS(), ".")
	for _, entry := range entries {
		left = append(left, printable.Value(filepath.Join(dir, entry.Name())))
	}
	root.Close() // Windows removes no directory that is open
	if len(left) == 0 {
		err = errors.Join(err, os.Remove(dir))
	}
	return left, err
}
