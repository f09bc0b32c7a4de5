package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/protocol"
)

// setup connects tools with credhelper: it prints what belongs where, writes it,
// or takes it back. It only touches the user's own files: configurations of the
// tool, and links in a directory for executables.

// setupFlags are what setup is told besides tool and profile.
type setupFlags struct {
	write, remove bool
	bearerFile    string
}

func (s *session) setupCommand() *cobra.Command {
	var flags setupFlags
	const line = "setup [TOOL [NAME]] [--write | --remove]"
	c := &cobra.Command{
		Use:     line,
		Short:   "print, apply or take back the wiring of git, docker, kubectl, ...",
		GroupID: groupManage,
		Args:    between(0, 2, line),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return setupNames(), cobra.ShellCompDirectiveNoFileComp
			}
			return s.completeProfiles(nil, nil, "")
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.print(setupList())
			}
			return s.setup(c.Context(), flags, args)
		},
	}
	c.Flags().BoolVar(&flags.write, "write", false, "apply it; files are kept as they were beside the new ones")
	c.Flags().BoolVar(&flags.remove, "remove", false, "take back what --write did")
	c.Flags().StringVar(&flags.bearerFile, "bearer-file", "", "git: include `FILE`, in which sink keeps the header (for git before 2.46)")
	return c
}

// setupNames are the first names of the tools.
func setupNames() (names []string) {
	for _, t := range setupTools {
		names = append(names, t.names[0])
	}
	return names
}

// setupList is the table of tools.
func setupList() string {
	var b strings.Builder
	for _, t := range setupTools {
		call := strings.Join(t.names, ", ") + " [NAME]"
		if t.needs&profileMust != 0 {
			call = strings.Join(t.names, ", ") + " NAME"
		}
		b.WriteString(call + strings.Repeat(" ", max(1, 34-len(call))) + t.title + "\n")
	}
	return b.String()
}

func (s *session) setup(ctx context.Context, flags setupFlags, args []string) error {
	if flags.write && flags.remove {
		return malformed("--write or --remove, not both")
	}
	tool := findSetupTool(args[0])
	if tool == nil {
		return &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "setup knows no " + protocol.Printable(args[0]),
			Hint: "it knows " + strings.Join(setupNames(), ", "),
		}
	}
	if len(args) < 2 && tool.needs&profileMust != 0 {
		return &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "for " + args[0] + " a profile must be named",
			Hint: "credhelper setup " + args[0] + " NAME; the names: credhelper list",
		}
	}
	place, err := s.setupPlace(args[1:], flags.remove)
	if err != nil {
		return err
	}
	if !flags.remove {
		if err := place.fits(tool); err != nil {
			return err
		}
	}
	place.gitVersion = func() string { return s.gitVersion(ctx) }
	if place.bearerFile, err = bearerFile(flags, tool, place); err != nil {
		return err
	}
	w, err := tool.wire(place)
	switch {
	case err != nil:
		return err
	case w.shell != "" && (flags.write || flags.remove):
		return &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "there is nothing that setup could write for " + args[0],
			Hint: "see what to type: credhelper setup " + strings.Join(args, " "),
		}
	case flags.write:
		return s.applyWiring(place, w)
	case flags.remove:
		return s.undoWiring(w)
	}
	return s.printWiring(place, w)
}

// bearerFile is the file that git is to include, as git needs it: absolute, since
// it would look for another beside its own configuration.
func bearerFile(flags setupFlags, tool *setupTool, p *setupPlace) (string, error) {
	switch {
	case flags.bearerFile == "":
		return "", nil
	case tool.names[0] != "git" || p.name == "":
		return "", malformed("--bearer-file is for setup git NAME")
	case oneLine(flags.bearerFile) != flags.bearerFile:
		return "", malformed("--bearer-file: git could not read this name")
	}
	return filepath.Abs(flags.bearerFile)
}

// setupPlace finds for whom and where. A profile that is gone can still have its
// wiring removed.
func (s *session) setupPlace(names []string, removing bool) (*setupPlace, error) {
	p := &setupPlace{env: s.env, home: s.env("HOME")}
	if windows {
		p.home = s.env("USERPROFILE")
	}
	if !filepath.IsAbs(p.home) {
		return nil, policy("there is no home directory to write to")
	}
	var err error
	if p.credhelper, err = frontPath(); err != nil {
		return nil, err
	}
	p.links = linkDir(p.home, p.credhelper)
	if len(names) == 0 {
		return p, nil
	}
	if p.name = names[0]; !protocol.ValidProfile(p.name) {
		return nil, malformed("not a profile's name: " + protocol.Printable(p.name))
	}
	h, err := s.open()
	if err != nil {
		return nil, err
	}
	if p.profile, err = h.Profile(p.name); err != nil && !removing {
		return nil, err
	}
	return p, nil
}

// frontPath is the executable that tools call: beside this one, or in ../bin if
// this one is in ../libexec.
func frontPath() (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", policy("cannot find the executable's own place: " + err.Error())
	}
	name := "credhelper"
	if windows {
		name += ".exe"
	}
	dir := filepath.Dir(self)
	for _, path := range [...]string{filepath.Join(dir, name), filepath.Join(filepath.Dir(dir), "bin", name)} {
		if isFile(path) {
			return path, nil
		}
	}
	return "", policy("credhelper is missing beside " + self)
}

// linkDir is where links go: beside credhelper if that is in the user's own
// home, else in the place that systems put into PATH for users (file-hierarchy(7)).
// setup never changes a directory of all users.
func linkDir(home, credhelper string) string {
	if dir := filepath.Dir(credhelper); strings.HasPrefix(dir, home+string(filepath.Separator)) {
		return dir
	}
	return filepath.Join(home, ".local", "bin")
}

// printWiring says what --write would do, as lines to copy.
func (s *session) printWiring(p *setupPlace, w wiring) error {
	var b strings.Builder
	b.WriteString("# " + w.about + "\n" + w.shell)
	for _, l := range w.links {
		b.WriteString("mkdir -p " + shellWord(filepath.Dir(l.path)) + "\n")
		b.WriteString("ln -s " + shellWord(l.target) + " " + shellWord(l.path) + "\n")
	}
	for _, e := range w.edits {
		b.WriteString("# in " + e.path + ":\n" + e.show)
	}
	for _, text := range slices.Concat(w.next, w.hints) {
		b.WriteString("# " + text + "\n")
	}
	if err := s.print(b.String()); err != nil {
		return err
	}
	if w.shell == "" {
		s.say("Nothing was changed. Apply with --write, take back with --remove.")
	}
	s.warnPath(p, w)
	return nil
}

// applyWiring first looks whether every file can be changed: half a wiring is
// worse than none.
func (s *session) applyWiring(p *setupPlace, w wiring) error {
	for _, e := range w.edits {
		if err := e.check(); err != nil {
			return err
		}
	}
	said := ""
	for _, l := range w.links {
		changed, err := l.apply()
		if err != nil {
			return err
		}
		said += outcome(changed, "linked ", l.path)
	}
	for _, e := range w.edits {
		changed, err := e.apply()
		if err != nil {
			return err
		}
		said += outcome(changed, "wrote ", e.path)
	}
	if err := s.print(said); err != nil {
		return err
	}
	for _, text := range w.next {
		s.say(text)
	}
	s.warnPath(p, w)
	return nil
}

func outcome(changed bool, did, path string) string {
	if changed {
		return did + path + "\n"
	}
	return "already there: " + path + "\n"
}

// undoWiring goes on after a failure, so that one damaged file does not keep the
// rest wired.
func (s *session) undoWiring(w wiring) error {
	said, failed := "", error(nil)
	for _, e := range w.edits {
		changed, err := e.undo()
		failed = errors.Join(failed, err)
		if changed {
			said += "took back " + e.path + "\n"
		} else if text, _, _ := readConfig(e.path); e.trace != "" && strings.Contains(text, e.trace) {
			s.say(e.path + " was written anew since; take the rest out with: " + e.manual)
		}
	}
	for _, l := range w.links {
		changed, err := l.undo()
		failed = errors.Join(failed, err)
		if changed {
			said += "removed " + l.path + "\n"
		}
	}
	if said == "" && failed == nil {
		said = "nothing of it was there\n"
	}
	return errors.Join(failed, s.print(said))
}

// warnPath says when a tool will not find a link.
func (s *session) warnPath(p *setupPlace, w wiring) {
	onPath := slices.Contains(filepath.SplitList(s.env("PATH")), p.links)
	for _, l := range w.links {
		if l.inPath && !onPath {
			s.say("The tool looks for " + filepath.Base(l.path) + " in PATH: add " + p.links + " to it, before other directories.")
		}
	}
}
