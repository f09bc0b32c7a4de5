package tokenfile

import (
	"context"
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

// newIn creates the directory. It gets its final name only when its lock is held, so
// that no sweep can remove it before.
func newIn(place string) (*File, func(), error) {
	making, err := os.MkdirTemp(place, ".making-*") // 0700
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(place, strings.Replace(filepath.Base(making), ".making-", tokenDirPrefix, 1))
	d, err := private.Open(making)
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	life, err := d.Lock(context.Background(), lifeName)
	if err == nil || errors.Is(err, private.ErrNoLocks) {
		err = os.Rename(making, path)
	}
	if err != nil {
		_ = os.RemoveAll(making)
		return nil, nil, err
	}
	return &File{Path: filepath.Join(path, tokenName)}, func() {
		_ = os.RemoveAll(path)
		if life != nil {
			life.Unlock()
		}
	}, nil
}

// Places returns the directories in which to create it, the best first.
func Places(dirs cache.Dirs) []string {
	places := []string{filepath.Join(dirs.Runtime, "credhelper")}
	if runtime.GOOS != "windows" {
		places = append(places, "/dev/shm/credhelper-"+strconv.Itoa(process.UserID()))
	}
	return append(places, filepath.Join(dirs.State, "exec"))
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
		if strings.HasPrefix(name, tokenDirPrefix) && isLeft(parent, name) && os.RemoveAll(parent.At(name)) == nil {
			swept++
		}
	}
	return swept
}

// isLeft reports whether the process that created the directory has ended. The first
// release made no lock, but rewrote the token within a day.
func isLeft(parent private.Dir, name string) bool {
	d, err := private.Open(parent.At(name))
	if err != nil {
		return false
	}
	defer d.Close()
	changed, err := d.Modified(".")
	if _, e := d.Modified(lifeName); e != nil {
		return err == nil && time.Since(changed) > 26*time.Hour
	}
	life, err := d.TryLock(lifeName)
	if err != nil {
		return false
	}
	life.Unlock()
	return true
}
