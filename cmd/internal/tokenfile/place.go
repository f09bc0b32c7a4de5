package tokenfile

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
)

// exec's file is in a directory of its own, which is removed with it. The process holds
// a lock in it as long as it lives. A pid would not do: it means nothing in another pid
// namespace, such as a container's or a service's.

const (
	tokenDirPrefix = "exec-" // a random suffix follows
	tokenName      = "token"
	lifeName       = "lock"
)

// New creates the directory in the first place that permits it. The user's runtime
// directory and /dev/shm are in memory; the state directory is the last resort, and
// then onDisk says why. New also removes what killed processes have left there. remove
// removes the file and its directory.
func New(dirs cache.Dirs) (file *File, remove func(), onDisk error, err error) {
	var last error
	for _, place := range Places(dirs) {
		parent, e := openPlace(place)
		if e != nil {
			last = e
			continue
		}
		memory := parent.OnTmpfs()
		sweep(parent)
		parent.Close()
		if file, remove, e = newIn(place); e != nil {
			last = e
			continue
		}
		if !memory {
			onDisk = errors.Join(last, errors.New(place+" is on a disk"))
		}
		return file, remove, onDisk, nil
	}
	return nil, nil, nil, protocol.Policy("no place for a private file: " + last.Error())
}

// newIn creates the directory. A sweep may remove it before its lock is held, which shows
// when the lock is taken; then another one is made. It is not renamed into place with the
// lock held, because Windows renames no directory with an open file.
func newIn(place string) (file *File, remove func(), err error) {
	for range 10 {
		if file, remove, err = tryNewIn(place); err == nil {
			break
		}
	}
	return file, remove, err
}

func tryNewIn(place string) (*File, func(), error) {
	path := filepath.Join(place, tokenDirPrefix+rand.Text())
	var life *private.Lock
	d, err := private.Make(path)
	if err == nil {
		life, err = d.Lock(context.Background(), lifeName)
		d.Close()
	}
	if err != nil && !errors.Is(err, private.ErrNoLocks) {
		_ = os.RemoveAll(path)
		return nil, nil, err
	}
	return &File{Path: filepath.Join(path, tokenName)}, func() {
		_ = os.Remove(filepath.Join(path, tokenName))
		life.Unlock() // Windows removes no directory with an open file
		_ = os.RemoveAll(path)
	}, nil
}

// Places returns the directories in which to create it, the best first.
func Places(dirs cache.Dirs) []string {
	last := filepath.Join(dirs.State, "exec")
	if runtime.GOOS == "windows" { // which has no file system in memory
		return []string{last}
	}
	return []string{filepath.Join(dirs.Runtime, "credhelper"), "/dev/shm/credhelper-" + strconv.Itoa(process.UserID()), last}
}

// openPlace opens a directory of ours, and creates it if its parent exists. It refuses
// one that belongs to another user.
func openPlace(path string) (private.Dir, error) {
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return private.Dir{}, &fs.PathError{Op: "open", Path: filepath.Dir(path), Err: fs.ErrNotExist}
	}
	return private.Make(path)
}

// Sweep removes the directories of processes that have ended, and returns their number.
// Only a kill -9 keeps a process from removing its own.
func Sweep(place string) int {
	parent, err := private.Open(place)
	if err != nil {
		return 0
	}
	defer parent.Close()
	return sweep(parent)
}

func sweep(parent private.Dir) (swept int) {
	names, _ := parent.Names()
	for _, name := range names {
		if strings.HasPrefix(name, tokenDirPrefix) && removeLeft(parent.At(name)) {
			swept++
		}
	}
	return swept
}

// removeLeft removes the directory if the process that created it has ended, and holds
// its lock meanwhile. The first release made no lock, but rewrote the token within a day.
func removeLeft(path string) bool {
	d, err := private.Open(path)
	if err != nil {
		return false
	}
	defer d.Close()
	changed, err := d.Modified(".")
	if _, e := d.Modified(lifeName); e != nil {
		return err == nil && time.Since(changed) > 26*time.Hour && os.RemoveAll(path) == nil
	}
	life, err := d.TryLock(lifeName)
	if err != nil {
		return false
	}
	defer life.Unlock()
	return os.RemoveAll(path) == nil
}
