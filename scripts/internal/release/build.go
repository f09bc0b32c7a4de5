package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/internal/program"
)

// run runs a program in dir and returns its stdout.
func run(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var output strings.Builder
	cmd.Stderr = &output
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, output.String())
	}
	return string(out), nil
}

// git runs git here, in a directory that may belong to another user, as a container's checkout does.
func git(args ...string) (string, error) {
	out, err := run(".", nil, "git", append([]string{"-c", "safe.directory=*"}, args...)...)
	return strings.TrimSpace(out), err
}

// checkOut clones the commit that is checked out, with the version as its tag: from
// that tag the Go tool writes the version into the executables. An existing tag of that
// name must be on this commit.
func (r *release) checkOut() error {
	var err error
	if r.commit, err = git("rev-parse", "HEAD"); err != nil {
		return err
	}
	if tagged, err := git("rev-parse", "-q", "--verify", "refs/tags/"+r.version+"^{commit}"); err == nil && tagged != r.commit {
		return fmt.Errorf("%s is the tag of commit %.12s, and %.12s is checked out", r.version, tagged, r.commit)
	}
	when, err := git("log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	if r.epoch, err = strconv.ParseInt(when, 10, 64); err != nil {
		return err
	}
	root, err := git("rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	r.source = filepath.Join(r.work, "source")
	for _, args := range [][]string{
		{"clone", "-q", "--no-tags", "--no-checkout", root, r.source},
		{"-C", r.source, "checkout", "-q", "--detach", r.commit},
		{"-C", r.source, "tag", r.version},
	} {
		if _, err := git(args...); err != nil {
			return err
		}
	}
	return nil
}

// compile builds the executables of a target into dir.
func (r *release) compile(t target, dir string) error {
	args := append([]string{"build", "-buildvcs=true", "-o", dir + "/"}, program.Flags(t.os, t.arch)...)
	for _, name := range program.Executables {
		args = append(args, "./cmd/"+name)
	}
	_, err := run(r.source, t.environ(), "go", args...)
	return err
}

// build builds a target's executables: the front in bin, the others in
// libexec.
func (r *release) build(t target) ([]file, error) {
	dir := filepath.Join(r.work, "build", t.os+"_"+t.machine())
	if err := r.compile(t, dir); err != nil {
		return nil, err
	}
	var tree []file
	for i, name := range program.Executables {
		place := "libexec/"
		if i == 0 {
			place = "bin/"
		}
		content, err := os.ReadFile(filepath.Join(dir, t.executable(name)))
		if err != nil {
			return nil, err
		}
		tree = append(tree, file{name: place + t.executable(name), mode: 0o755, content: content})
	}
	return tree, nil
}

// host builds the executables for this machine, which generate the completions and the
// manual, and returns their directory.
func (r *release) host() (string, error) {
	dir := filepath.Join(r.work, "host")
	here := target{os: runtime.GOOS, arch: runtime.GOARCH}
	return dir, r.compile(here, dir)
}
