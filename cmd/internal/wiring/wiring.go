// Package wiring connects tools with credhelper: it prints, writes or removes their
// configuration. It only touches the user's own files: configuration of the tool, and
// links in a directory for executables. One table has a row for each tool.
package wiring

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Options describe the profile and the user's directories for which a tool is wired.
type Options struct {
	Home       string // of the user; absolute
	Credhelper string // absolute path of the executable that tools call
	Env        func(string) string
	Name       string          // of the profile; "" if none is named
	Profile    *config.Profile // nil if none is named, or it is gone
	BearerFile string          // that git is to include; "" for none
	Door       string          // where credhelper proxy listens unless it is told otherwise: http://HOST:PORT
	GitVersion func() string   // what git says of itself; may be nil
	// KubeClusters returns the kubeconfig's clusters, raw, as JSON; may be nil.
	KubeClusters func() string
}

// NewPlace returns the place that the options describe.
func NewPlace(o Options) *Place {
	return &Place{
		name: o.Name, profile: o.Profile, credhelper: filepath.ToSlash(o.Credhelper), links: linkDir(o.Home, o.Credhelper),
		home: o.Home, bearerFile: o.BearerFile, door: o.Door, gitVersion: o.GitVersion, kubeClusters: o.KubeClusters, env: o.Env,
	}
}

// Name returns the tool's main name.
func (t *Tool) Name() string { return t.names[0] }

// NeedsProfile reports whether a profile must be named for the tool.
func (t *Tool) NeedsProfile() bool { return t.needs&profileMust != 0 }

// Plan returns the configuration that connects the tool with credhelper at a place.
func (t *Tool) Plan(p *Place) (Plan, error) {
	if err := p.checkBearer(t); err != nil {
		return Plan{}, err
	}
	return t.wire(p)
}

// Names returns the main name of each tool.
func Names() (names []string) {
	for _, t := range Tools {
		names = append(names, t.names[0])
	}
	return names
}

// List returns the table of tools, for people.
func List() string {
	var b strings.Builder
	for _, t := range Tools {
		call := strings.Join(t.names, ", ") + " [NAME]"
		if t.needs&profileMust != 0 {
			call = strings.Join(t.names, ", ") + " NAME"
		}
		b.WriteString(call + strings.Repeat(" ", max(1, 34-len(call))) + t.title + "\n")
	}
	return b.String()
}

// checkBearer makes the path of the file that git includes absolute, because git
// resolves a relative path against its own configuration.
func (p *Place) checkBearer(tool *Tool) (err error) {
	switch {
	case p.bearerFile == "":
		return nil
	case tool.names[0] != "git" || p.name == "":
		return protocol.Malformed("--bearer-file is for setup git NAME")
	case printable.Line(p.bearerFile) != p.bearerFile:
		return protocol.Malformed("--bearer-file: git could not read this name")
	}
	p.bearerFile, err = filepath.Abs(p.bearerFile)
	return err
}

// linkDir returns the directory for links: that of credhelper if it is in the user's
// own home, else the one that systems add to PATH for users (file-hierarchy(7)). setup
// never changes a directory that all users share, except on Windows, where only a link
// beside credhelper finds the engine.
func linkDir(home, credhelper string) string {
	if dir := filepath.Dir(credhelper); windows || strings.HasPrefix(dir, home+string(filepath.Separator)) {
		return dir
	}
	return filepath.Join(home, ".local", "bin")
}

// IsShell reports whether the plan is a list of commands to type, without a file to
// write.
func (w Plan) IsShell() bool { return w.shell != "" }

// Next returns what remains for the person to do after Apply.
func (w Plan) Next() []string { return w.next }

// Text returns what Apply would do, as lines to copy.
func (w Plan) Text() string {
	var b strings.Builder
	b.WriteString("# " + w.about + "\n" + w.shell)
	for _, l := range w.links {
		b.WriteString(linkLines(l))
	}
	for _, e := range w.edits {
		b.WriteString("# in " + e.path + ":\n" + e.show)
	}
	for _, text := range slices.Concat(w.next, w.hints) {
		b.WriteString("# " + text + "\n")
	}
	return b.String()
}

// Apply applies the plan and returns what it did, one line per step. It first checks
// whether every file can be changed, because a partial configuration is worse than
// none.
func (w Plan) Apply() (report string, err error) {
	for _, e := range w.edits {
		if err := e.check(); err != nil {
			return "", err
		}
	}
	for _, l := range w.links {
		changed, err := l.apply()
		if err != nil {
			return report, err
		}
		report += outcome(changed, "linked ", l.path)
	}
	for _, e := range w.edits {
		changed, err := e.apply()
		if err != nil {
			return report, err
		}
		report += outcome(changed, "wrote ", e.path)
	}
	return report, nil
}

func outcome(changed bool, did, path string) string {
	if changed {
		return did + path + "\n"
	}
	return "already there: " + path + "\n"
}

// Undo reverts the plan and returns what it did, one line per step, and what remains
// for the person to do. It goes on after a failure, so that a damaged file does not
// keep the others configured.
func (w Plan) Undo() (report string, left []string, failed error) {
	for _, e := range w.edits {
		changed, err := e.undo()
		failed = errors.Join(failed, err)
		if changed {
			report += "took back " + e.path + "\n"
		} else if text, _, _ := readConfig(e.path); e.trace != "" && strings.Contains(text, e.trace) {
			left = append(left, e.path+" was written anew since; take the rest out with: "+e.manual)
		}
	}
	for _, l := range w.links {
		changed, err := l.undo()
		failed = errors.Join(failed, err)
		if changed {
			report += "removed " + l.path + "\n"
		}
	}
	if report == "" && failed == nil {
		report = "nothing of it was there\n"
	}
	return report, left, failed
}

// There returns the files that Undo would change or remove.
func (w Plan) There() (paths []string) {
	for _, e := range w.edits {
		now, exists, err := readConfig(e.path)
		if err != nil || !exists {
			continue
		}
		if left, err := e.drop(now); err == nil && left != now {
			paths = append(paths, e.path)
		}
	}
	for _, l := range w.links {
		if target, err := linkTarget(l.path, l.target); err == nil && isOurs(target) {
			paths = append(paths, l.path)
		}
	}
	return paths
}

// Unfound returns which links a tool will not find, one per line, because the directory
// for links is not in PATH.
func (w Plan) Unfound(p *Place) (lines []string) {
	if slices.Contains(filepath.SplitList(p.env("PATH")), p.links) {
		return nil
	}
	for _, l := range w.links {
		if l.inPath {
			lines = append(lines, "The tool looks for "+filepath.Base(l.path)+" in PATH: add "+p.links+" to it, before other directories.")
		}
	}
	return lines
}
