// Package private is the directory type for all of credhelper's files: owned by the
// user and closed to everyone else. Sealed tokens, the encrypted keyring, the log,
// profiles and token files are read and written through it.
//
// A directory is checked when it is opened, and its files are accessed through its
// descriptor, so that no one can replace the directory between check and use. A file is
// replaced completely or not at all: it is written under a temporary name and renamed.
// Files left by a killed process are removed after an hour.
//
// The front links this package, so it has few imports: no fmt, no net/http, no
// encoding/json, which would slow down every call (docs/performance.md).
package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/credhelper/credhelper/helper/trust"
)

var (
	// ErrUnsafe and ErrTooLarge are those of package trust.
	ErrUnsafe   = trust.ErrUnsafe
	ErrTooLarge = trust.ErrTooLarge

	// ErrLocked says that another process held a lock until the deadline.
	ErrLocked = errors.New("another process holds the lock")

	// ErrNoLocks says that the file system has no locks, or refuses them.
	ErrNoLocks = errors.New("no locks here")
)

// The modes of everything that we create, set explicitly, whatever the umask.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// Open opens an existing directory. If it is a symbolic link, belongs to another user,
// or is accessible to others, the error is ErrUnsafe; if it is missing, fs.ErrNotExist.
// It is for frequent use: the directories above it are not checked.
func Open(path string) (Dir, error) { return open(path, closed) }

// Enter is Open, and also checks the directories above it. The path may contain, or be,
// a symbolic link of ours or root's, for example to another disk.
func Enter(path string) (Dir, error) {
	real, err := trust.StateWay(path)
	if err != nil {
		return Dir{}, err
	}
	return openAs(path, real, closed)
}

// openAs opens the directory at real, under the name path.
func openAs(path, real string, r rule) (Dir, error) {
	d, err := open(real, r)
	d.path = path
	return d, err
}

// Find is Enter for a path that must not be a symbolic link itself.
func Find(path string) (Dir, error) { return find(path, closed) }

func find(path string, r rule) (Dir, error) {
	above, err := trust.StateWay(filepath.Dir(path))
	if err != nil {
		return Dir{}, err
	}
	return openAs(path, filepath.Join(above, filepath.Base(path)), r)
}

// Make is Find, but creates the directory if it is missing, with those above it, each
// with mode 0700. Existing directories are not changed.
func Make(path string) (Dir, error) {
	return findOrMake(func() (Dir, error) { return Find(path) }, func() error { return makeAll(path) })
}

// findOrMake makes what find does not find.
func findOrMake(find func() (Dir, error), make func() error) (Dir, error) {
	d, err := find()
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	if err := make(); err != nil {
		return Dir{}, err
	}
	return find()
}

// Place opens a directory that others may read but in which they cannot replace a file
// of ours: it is root's or ours, and others cannot write to it. It must not be a
// symbolic link.
func Place(path string) (Dir, error) { return find(path, guarded) }

// MakePlace is Place, but creates the directory if it is missing, and none above it: with
// mode 0700, or 0750 for a group that may read the files (ForGroup).
func MakePlace(path string, forGroup bool) (Dir, error) {
	mode := uint32(dirMode)
	if forGroup {
		mode |= 0o050
	}
	return findOrMake(func() (Dir, error) { return Place(path) }, func() error { return makeOne(path, mode) })
}

// Folder opens a directory of configuration, and creates it with mode 0700 if it is
// missing. It may be a symbolic link of ours. doctor and add report if others can write
// to it (Way); files that they put there are refused because of their owner.
func Folder(path string) (Dir, error) {
	real, err := trust.Links(path)
	if err != nil {
		return Dir{}, err
	}
	return findOrMake(func() (Dir, error) { return openAs(path, real, anybodys) }, func() error { return makeAll(real) })
}

// Path returns the path under which the directory was opened.
func (d Dir) Path() string { return d.path }

// At returns the path of name, for messages and stamps, with a slash on Windows, too,
// where a stamp must be that of a path made elsewhere.
func (d Dir) At(name string) string { return d.path + "/" + name }

// Replace replaces the content of name: a reader, also after a kill or with a full
// disk, finds the old content or the new, never a part. It replaces a symbolic link
// instead of following it.
func (d Dir) Replace(name string, content []byte) error { return d.replace(name, content, false) }

// ReplaceAndSync is Replace; when it returns, both the content and its name are on the
// disk.
func (d Dir) ReplaceAndSync(name string, content []byte) error {
	if err := d.replace(name, content, true); err != nil {
		return err
	}
	return d.Sync()
}

func (d Dir) replace(name string, content []byte, sync bool) error {
	temp, release, err := "", func() {}, errSwept
	for err == errSwept {
		temp = tempName()
		release, err = d.create(temp, content, sync)
	}
	if err != nil {
		return err
	}
	defer release()
	err = d.Rename(temp, name)
	if err != nil && !d.IsFile(name) && d.remove(name) == nil { // an empty directory in its place
		err = d.Rename(temp, name)
	}
	if err != nil {
		_ = d.remove(temp)
	}
	return err
}

// errSwept says that a sweep took a new file for an abandoned one before its writer had
// locked it. The writer needs another name, because the sweep may still remove this
// one.
var errSwept = trust.Finding(ErrLocked, "an unfinished file was swept")

// tempPrefix is the prefix of unfinished files, which makes them hidden for programs
// that read every file of a directory.
const tempPrefix = ".tmp-credhelper-"

// tempName returns a name that no other writer uses. It need not be random: only we can
// create files here.
func tempName() string {
	return tempPrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.Itoa(int(temps.Add(1)))
}

var temps atomic.Int32 // number of unfinished files of this process

// Stale is the age after which an unfinished file counts as abandoned if locks cannot
// tell.
const Stale = time.Hour

// Sweep removes the unfinished files of killed processes, and returns their number. A
// writer holds a lock on its file until the file has its final name, so a file that can
// be locked has no writer any more. Errors are ignored: a leftover does no harm.
func (d Dir) Sweep(now time.Time) (removed int) { return d.sweep(now, unfinished) }

// SweepShared is Sweep for a directory that also holds other programs' files.
func (d Dir) SweepShared(now time.Time) (removed int) {
	return d.sweep(now, func(name string) bool { return strings.HasPrefix(name, tempPrefix) })
}

func (d Dir) sweep(now time.Time, unfinished func(string) bool) (removed int) {
	names, _ := d.Names()
	for _, name := range names {
		if !unfinished(name) {
			continue
		}
		var gone, live bool
		if strings.HasPrefix(name, tempPrefix) {
			gone, live = d.removeAbandoned(name)
		}
		// A file server's clock may be an hour off: age says nothing against a lock.
		at, err := d.Modified(name)
		if old := err == nil && now.Sub(at) > Stale; gone || old && !live && d.Remove(name) == nil {
			removed++
		}
	}
	return removed
}

// unfinished reports whether a name is that of an unfinished file, of this release or
// of the first, which used other names in each kind of directory.
func unfinished(name string) bool {
	return strings.HasPrefix(name, ".tmp-") || strings.HasPrefix(name, "tmp-") || strings.HasPrefix(name, ".new-")
}

// Remove removes a file, or an empty directory in its place. It is not an error if
// there is none.
func (d Dir) Remove(name string) error {
	if err := d.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
