// Package private is the one kind of directory that credhelper keeps its files in:
// owned by us and closed to everybody else. The sealed tokens, the encrypted
// keyring, the log, profiles and token files are read and written through it.
//
// A directory is checked when it is opened, and every file in it is reached from
// its descriptor, so that nobody can swap the directory between the check and the
// use. A file is replaced whole or not at all: it is written under a temporary
// name and renamed. What a killed process left is swept away an hour later.
//
// The front links this package, so it imports little: no fmt, no net/http, no
// encoding/json; each costs every call (docs/performance.md).
package private

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var (
	// ErrUnsafe says that a directory or file is not as only we could have left
	// it: owned by another user, open to others, or a link. It is wrapped with
	// the path and the finding. Nothing is mended silently.
	ErrUnsafe = errors.New("not safe to use")

	// ErrTooLarge says that a file is larger than its reader takes.
	ErrTooLarge = errors.New("the file is too large")

	// ErrNowhere says that there is a link, and nothing at its end.
	ErrNowhere = errors.New("link to nowhere")

	// ErrLocked says that another process held a lock until the deadline.
	ErrLocked = errors.New("another process holds the lock")

	// ErrNoLocks says that the file system has no locks, or refuses them.
	ErrNoLocks = errors.New("no locks here")
)

// The modes of all that we make, set explicitly: no umask may widen or narrow them.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// finding is a sentinel with the path and what was found there.
type finding struct {
	kind error
	text string
}

func (f *finding) Error() string { return f.text }
func (f *finding) Unwrap() error { return f.kind }

// unfit is ErrUnsafe about a path: what is in its place, or what is wrong with it.
func unfit(path, what string) error { return &finding{ErrUnsafe, path + " " + what} }

// Open opens a directory that is there. One that is a link, belongs to somebody
// else, or lets others in is ErrUnsafe; a missing one is fs.ErrNotExist. It is for
// what is asked again and again: the way to the directory is not looked at.
func Open(path string) (Dir, error) { return open(path, closed) }

// Enter is Open, and checks the way, too. The path may lead through links of ours
// or root's, and be one: to another disk, for instance.
func Enter(path string) (Dir, error) {
	real, err := stateWay(path)
	if err != nil {
		return Dir{}, err
	}
	return openAs(path, real, closed)
}

// openAs opens what a path leads to, and calls it by that path.
func openAs(path, real string, r rule) (Dir, error) {
	d, err := open(real, r)
	d.path = path
	return d, err
}

// Find is Enter for a path that must not be a link itself.
func Find(path string) (Dir, error) {
	above, err := stateWay(filepath.Dir(path))
	if err != nil {
		return Dir{}, err
	}
	return openAs(path, filepath.Join(above, filepath.Base(path)), closed)
}

// Make is Find, and makes the directory first if it is missing, with those above
// it, each of mode 0700. What exists is not changed.
func Make(path string) (Dir, error) {
	d, err := Find(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	if err := makeAll(path); err != nil {
		return Dir{}, err
	}
	return Find(path)
}

// Place opens a directory that others may read, but in which nobody else can put
// another file in the place of ours: root's or ours, and not writable by others. It
// must not be a link.
func Place(path string) (Dir, error) {
	above, err := stateWay(filepath.Dir(path))
	if err != nil {
		return Dir{}, err
	}
	return openAs(path, filepath.Join(above, filepath.Base(path)), guarded)
}

// Folder opens a directory of configuration, and makes it with mode 0700 if it is
// missing. It may be a link of ours. Whether others can write it is for doctor and
// add to tell (Way): what they could put there is refused by its owner.
func Folder(path string) (Dir, error) {
	real, err := links(path)
	if err != nil {
		return Dir{}, err
	}
	d, err := openAs(path, real, anybodys)
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	if err := makeAll(real); err != nil {
		return Dir{}, err
	}
	return openAs(path, real, anybodys)
}

// readAll reads an open file to its end, whatever size it says to have.
func readAll(f *os.File, limit int) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(content) > limit {
		err = tooLarge(f.Name(), limit)
	}
	return content, err
}

func tooLarge(path string, limit int) error {
	return &finding{ErrTooLarge, path + " has more than " + strconv.Itoa(limit) + " bytes"}
}

// Path is the path that the directory was opened by.
func (d Dir) Path() string { return d.path }

// At is where name is, for messages and stamps.
func (d Dir) At(name string) string { return d.path + string(os.PathSeparator) + name }

// Replace puts content in the place of name: a reader, a kill or a full disk finds
// the old or the new content whole. A link in its place is replaced, not followed.
func (d Dir) Replace(name string, content []byte) error { return d.replace(name, content, false) }

// ReplaceAndSync is Replace, and both the content and its name are on the disk
// when it returns.
func (d Dir) ReplaceAndSync(name string, content []byte) error {
	if err := d.replace(name, content, true); err != nil {
		return err
	}
	return d.Sync()
}

func (d Dir) replace(name string, content []byte, sync bool) error {
	temp := tempName()
	release, err := d.create(temp, content, sync)
	for err == errSwept {
		temp = tempName()
		release, err = d.create(temp, content, sync)
	}
	if err != nil {
		return err
	}
	defer release()
	err = d.Rename(temp, name)
	if err != nil && !d.IsFile(name) && d.remove(name) == nil { // an empty directory
		err = d.Rename(temp, name)
	}
	if err != nil {
		_ = d.remove(temp)
	}
	return err
}

// errSwept is of a new file that a sweep took for an abandoned one before its writer
// had locked it. The next one needs another name: the sweep may still remove this one.
var errSwept error = &finding{ErrLocked, "an unfinished file was swept"}

// tempPrefix begins the names of files that are not finished yet. They are hidden
// from readers that take every file of a directory.
const tempPrefix = ".tmp-credhelper-"

// tempName is a name that no other writer has. It need not be random: nobody else
// can make files here.
func tempName() string {
	return tempPrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.Itoa(int(temps.Add(1)))
}

var temps atomic.Int32 // how many unfinished files this process has made

// Stale is the age after which an unfinished file counts as left over by a killed
// process where locks cannot tell.
const Stale = time.Hour

// Sweep removes the unfinished files that killed processes left, and returns how many
// there were. A writer holds a lock on its file until the file has its name, so one
// that can be locked has no writer any more. Best effort: what stays is untidy, not
// wrong.
func (d Dir) Sweep(now time.Time) (removed int) { return d.sweep(now, unfinished) }

// SweepShared is Sweep for a directory that holds other programs' files, too.
func (d Dir) SweepShared(now time.Time) (removed int) {
	return d.sweep(now, func(name string) bool { return strings.HasPrefix(name, tempPrefix) })
}

func (d Dir) sweep(now time.Time, unfinished func(string) bool) (removed int) {
	names, _ := d.Names()
	for _, name := range names {
		if !unfinished(name) {
			continue
		}
		at, err := d.Modified(name)
		old := err == nil && now.Sub(at) > Stale
		if strings.HasPrefix(name, tempPrefix) && d.removeAbandoned(name) || old && d.Remove(name) == nil {
			removed++
		}
	}
	return removed
}

// unfinished reports whether a name is of a file that was never finished, here or
// by the first release, which had names of its own in each kind of directory.
func unfinished(name string) bool {
	return strings.HasPrefix(name, ".tmp-") || strings.HasPrefix(name, "tmp-") || strings.HasPrefix(name, ".new-")
}

// Remove removes a file, or an empty directory that took its place; its absence is
// what was wanted.
func (d Dir) Remove(name string) error {
	if err := d.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
