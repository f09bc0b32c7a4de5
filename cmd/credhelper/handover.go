package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/protocol"
)

const engineName = "credhelper-engine"

// handOver runs the engine in place of this process, with one word before the
// name and the arguments (process.Handover), and the octets already read as its
// stdin. It returns only if that failed, or on systems that cannot
// replace a process, with the engine's exit code.
func (f *front) handOver(name string, stdin []byte) int {
	engine, err := findEngine()
	if err != nil {
		return f.fail(err)
	}
	word := process.Word(f.limits, f.start)
	argv := append([]string{engine, word, name}, f.args...)
	code, err := become(engine, argv, stdin)
	if err != nil {
		return f.fail(&protocol.Error{Kind: protocol.ErrPolicy, Text: "cannot run " + engine + ": " + err.Error()})
	}
	return code
}

// findEngine looks beside the executable that this really is, links resolved,
// then in ../libexec; never in PATH (T5).
func findEngine() (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", forbidden("cannot find the executable's own place: " + err.Error())
	}
	name := engineName
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	dir := filepath.Dir(self)
	for _, path := range [...]string{filepath.Join(dir, name), filepath.Join(filepath.Dir(dir), "libexec", name)} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if text := untrusted(info); text != "" {
			return "", forbidden(path + " " + text)
		}
		return path, nil
	}
	return "", &protocol.Error{
		Kind: protocol.ErrPolicy,
		Text: engineName + " is missing beside " + self,
		Hint: "install both files of the release in one directory, or the engine in ../libexec",
	}
}

// untrusted says why the engine must not be run; "" if it may.
func untrusted(info fs.FileInfo) string {
	if !info.Mode().IsRegular() {
		return "is not a regular file"
	}
	if runtime.GOOS == "windows" {
		return ""
	}
	if info.Mode().Perm()&0o022 != 0 {
		return "can be written by others; chmod go-w it, once you know why"
	}
	if uid := owner(info); uid != 0 && uid != process.UserID() {
		return "belongs to another user"
	}
	return ""
}

func forbidden(text string) error { return &protocol.Error{Kind: protocol.ErrPolicy, Text: text} }
