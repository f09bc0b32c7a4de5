package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol/secret"
)

// tokenFile is a private file that holds the current token, one line, and is
// replaced whole. It has a directory of its own, so that renaming in it disturbs
// nobody.
type tokenFile struct {
	dir, path string
}

const (
	tokenDirPrefix = "exec-" // then the number of the process and something random
	tokenName      = "token"
)

// newTokenFile makes the directory in the first place that takes it: the user's
// runtime directory and /dev/shm end with the machine's uptime, the state
// directory is the last resort. What killed processes left there is removed.
func newTokenFile(dirs cache.Dirs) (*tokenFile, error) {
	var last error
	for _, parent := range tokenPlaces(dirs) {
		if last = makePrivate(parent); last != nil {
			continue
		}
		sweepTokenFiles(parent)
		dir, err := os.MkdirTemp(parent, tokenDirPrefix+strconv.Itoa(os.Getpid())+"-*") // 0700
		if err != nil {
			last = err
			continue
		}
		return &tokenFile{dir, filepath.Join(dir, tokenName)}, nil
	}
	return nil, policy("no place for a private file: " + last.Error())
}

func tokenPlaces(dirs cache.Dirs) []string {
	places := []string{filepath.Join(dirs.Runtime, "credhelper")}
	if !windows {
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
	if !info.IsDir() || !ownedByUs(info) || !windows && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not a private directory of ours", path)
	}
	return nil
}

// write puts a token in place of the one before.
func (f *tokenFile) write(token secret.Text) error {
	temp, err := os.CreateTemp(f.dir, ".new-*") // 0600
	if err != nil {
		return policy(err.Error())
	}
	_, err = temp.WriteString(token.Reveal() + "\n")
	if e := temp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temp.Name(), f.path)
	}
	if err != nil {
		os.Remove(temp.Name())
		return policy("cannot write the token's file: " + err.Error())
	}
	return nil
}

// remove removes the file with its directory.
func (f *tokenFile) remove() { _ = os.RemoveAll(f.dir) }

// sweepTokenFiles removes what processes left that no longer exist: only a kill
// -9 keeps one from removing its own.
func sweepTokenFiles(parent string) int {
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
