// Release makes dist/: what users install, for every system, from the commit that is
// checked out and nothing else. The same commit, version and Go make the same bytes
// on every machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const usage = `scripts/release VERSION KEY [--dist DIR] [--target OS/ARCH]... [--nfpm FILE]

VERSION is a tag's name, v1.2.3 or v1.2.3-rc.1. KEY is one of
  --key FILE        signs with that ssh key (or the agent's, if FILE is a public key), whose
                    public half must be in SECURITY.md
  --test-key FILE   signs with a throw-away key, for tests: nobody should trust the result
  --unsigned        signs nothing`

func main() {
	r, err := parse(os.Args[1:])
	if err == nil {
		err = r.make()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/release:", err)
		os.Exit(1)
	}
}

// release is one run.
type release struct {
	version string // "v1.2.3"
	targets []target
	dist    string // where the result goes; must be empty or absent
	nfpm    string // the program that makes packages; "" for none
	key     signer

	work   string // temporary directory
	source string // in it, a clone of the commit
	epoch  int64  // the commit's time, Unix seconds
	commit string
}

// versions matches those that Go, Debian, RPM and Alpine order alike.
var versions = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(alpha|beta|rc)\.\d+)?$`)

func parse(args []string) (*release, error) {
	r := &release{targets: targets}
	if len(args) == 0 || !versions.MatchString(args[0]) {
		return nil, errors.New("usage: " + usage)
	}
	r.version = args[0]
	flags := flag.NewFlagSet("scripts/release", flag.ContinueOnError)
	flags.Usage = func() {}
	flags.StringVar(&r.dist, "dist", "dist", "")
	flags.StringVar(&r.nfpm, "nfpm", "", "")
	flags.StringVar(&r.key.file, "key", "", "")
	flags.BoolVar(&r.key.none, "unsigned", false, "")
	test := flags.String("test-key", "", "")
	var only []target
	flags.Func("target", "", func(name string) error {
		t, err := targetOf(name)
		only = append(only, t)
		return err
	})
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	given := 0
	for _, one := range []bool{r.key.file != "", *test != "", r.key.none} {
		if one {
			given++
		}
	}
	if given != 1 || flags.NArg() > 0 {
		return nil, errors.New("usage: " + usage)
	}
	if *test != "" {
		r.key = signer{file: *test, test: true}
	}
	if only != nil {
		r.targets = only
	}
	return r, nil
}

// make makes dist, and leaves nothing there if it fails.
func (r *release) make() (err error) {
	if old, _ := os.ReadDir(r.dist); len(old) > 0 {
		return fmt.Errorf("%s is not empty: remove it first", r.dist)
	}
	if r.work, err = os.MkdirTemp("", "credhelper-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if err := r.checkOut(); err != nil {
		return err
	}
	if err := r.key.check(r.source, r.work); err != nil {
		return err
	}
	out := filepath.Join(r.work, "dist")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	if err := r.fill(out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	return os.CopyFS(r.dist, os.DirFS(out))
}

// fill makes every file of the release in out.
func (r *release) fill(out string) error {
	notes, err := r.notes()
	if err != nil {
		return err
	}
	shared, err := r.shared()
	if err != nil {
		return err
	}
	bill := newBill(r.version)
	for _, t := range r.targets {
		fmt.Fprintln(os.Stderr, t)
		tree, err := r.build(t)
		if err != nil {
			return err
		}
		if err := bill.add(tree); err != nil {
			return err
		}
		if err := r.archives(out, t, tree, shared); err != nil {
			return err
		}
		if err := r.packages(out, t, slices.Concat(tree, shared.of(t))); err != nil {
			return err
		}
	}
	if err := r.sourceArchive(out); err != nil {
		return err
	}
	if err := bill.write(filepath.Join(out, r.file("cdx.json"))); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "RELEASE_NOTES.md"), []byte(notes), 0o644); err != nil {
		return err
	}
	if err := r.texts(out); err != nil {
		return err
	}
	if err := sums(out); err != nil {
		return err
	}
	return r.key.sign(filepath.Join(out, sumsFile))
}

// file returns the name of a file of this release: credhelper_1.2.3_PARTS.
func (r *release) file(parts ...string) string {
	name := "credhelper_" + r.number()
	for _, p := range parts[:len(parts)-1] {
		name += "_" + p
	}
	return name + "." + parts[len(parts)-1]
}

// number returns the version without its v.
func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }
