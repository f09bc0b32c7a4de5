package handover

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol"
)

// The executables that can be executed in place of another.
const (
	Engine = "credhelper-engine" // everything except answers from the cache
	Plugin = "credhelper-plugin" // connectors through go-plugin, which need gRPC, and the door
)

// To executes the named executable in place of this process. It passes one handover
// word, the name and the arguments that this process was called with, and the bytes
// already read from stdin, nil if none were. It returns only if that fails, or, on
// systems that cannot replace a process, with the exit code of the child.
func To(executable string, h Handover, environ []string, name string, args []string, stdin []byte) (int, error) {
	path, err := Find(executable)
	if err != nil {
		return 0, err
	}
	argv := append([]string{path, h.word(), name}, args...)
	if executable == Engine {
		environ = onOneProcessor(environ)
	}
	code, err := become(path, argv, environ, stdin)
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return 0, &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: path + " is damaged or not for this machine",
			Hint: "install all three files of one release for " + runtime.GOOS + "/" + runtime.GOARCH,
		}
	case err != nil:
		return 0, protocol.Policy("cannot run " + path + ": " + err.Error())
	}
	return code, nil
}

// Find returns the path of an executable of this release: beside this one, with links
// resolved, or else in ../libexec; never in PATH (T5). Its errors wrap ErrPolicy.
func Find(executable string) (string, error) {
	self, err := Self()
	if err != nil {
		return "", err
	}
	name, dir := fileName(executable), filepath.Dir(self)
	for _, path := range [...]string{filepath.Join(dir, name), filepath.Join(filepath.Dir(dir), "libexec", name)} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if !info.Mode().IsRegular() {
			return "", protocol.Policy(path + " is not a regular file")
		}
		// Whoever can replace it on Windows, where directories inherit their lists, can
		// replace this executable as well: doctor says so.
		if _, err := trust.Way(path); err != nil && runtime.GOOS != "windows" {
			return "", protocol.Policy(path + " is not safe to run: " + err.Error())
		}
		return path, nil
	}
	return "", &protocol.Error{
		Kind: protocol.ErrPolicy,
		Text: executable + " is missing beside " + self,
		Hint: "install all three files of the release in one directory, or engine and plugin in ../libexec",
	}
}

// Front returns the path of the executable that tools call: beside this one, or in
// ../bin if this one is in ../libexec. Its errors wrap ErrPolicy.
func Front() (string, error) {
	self, err := Self()
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(self)
	for _, path := range [...]string{filepath.Join(dir, fileName("credhelper")), filepath.Join(filepath.Dir(dir), "bin", fileName("credhelper"))} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", protocol.Policy("credhelper is missing beside " + self)
}

// Lasting returns the path by which tools should call the front: path, or a link to it in
// one of dirs, which are those of PATH. Homebrew, Nix and krew install each release into
// a directory of its own, and after an upgrade only the link leads to an executable.
func Lasting(path string, dirs []string) string {
	if slices.Contains(dirs, filepath.Dir(path)) {
		return path
	}
	for _, name := range [...]string{"credhelper", "kubectl-credhelper"} { // the latter is krew's
		for _, dir := range dirs {
			link := filepath.Join(dir, fileName(name))
			if real, err := trust.Way(link); filepath.IsAbs(dir) && err == nil && real == path {
				return link
			}
		}
	}
	return path
}

// Self returns the path of this executable, with links resolved. Its errors wrap ErrPolicy.
func Self() (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", protocol.Policy("cannot find the executable's own place: " + err.Error())
	}
	return self, nil
}

func fileName(executable string) string {
	if runtime.GOOS == "windows" {
		return executable + ".exe"
	}
	return executable
}
