package tokenfile

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
)

// exec's file has a directory of its own, which is removed with it.

const (
	tokenDirPrefix = "exec-" // then the number of the process and something random
	tokenName      = "token"
)

// New makes the directory in the first place that takes it: the user's
// runtime directory and /dev/shm end with the machine's uptime, the state
// directory is the last resort. What killed processes left there is removed.
// remove removes all of it.
func New(dirs cache.Dirs) (file *File, remove func(), err error) {
	var last error
	for _, parent := range Places(dirs) {
		if last = makePrivate(parent); last != nil {
			continue
		}
		Sweep(parent)
		dir, err := os.MkdirTemp(parent, tokenDirPrefix+strconv.Itoa(os.Getpid())+"-*") // 0700
		if err != nil {
			last = err
			continue
		}
		return &File{Path: filepath.Join(dir, tokenName)}, func() { _ = os.RemoveAll(dir) }, nil
	}
	return nil, nil, policy("no place for a private file: " + last.Error())
}

// Places are where such directories may lie, the best first.
func Places(dirs cache.Dirs) []string {
	places := []string{filepath.Join(dirs.Runtime, "credhelper")}
	if runtime.GOOS != "windows" {
		places = append(places, "/dev/shm/credhelper-"+strconv.Itoa(process.UserID()))
	}
	return append(places, filepath.Join(dirs.State, "exec"))
}

// makePrivate makes a directory of ours or refuses the one that is there: others
// must neither read what we put into it nor replace it (T1, T17).
func makePrivate(path string) error {
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("%s is not there", filepath.Dir(path))
	}
	if err := os.Mkdir(path, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() || !ownedByUs(info) || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not a private directory of ours", path)
	}
	return nil
}

// Sweep removes what processes left that no longer exist: only a kill
// -9 keeps one from removing its own.
func Sweep(parent string) int {
	entries, _ := os.ReadDir(parent)
	swept := 0
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), tokenDirPrefix)
		number, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if ours && err == nil && !alive(pid) && os.RemoveAll(filepath.Join(parent, e.Name())) == nil {
			swept++
		}
	}
	return swept
}
