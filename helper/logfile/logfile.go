// Package logfile is the log: one JSON object a line, which any number of processes append
// to at once (docs/log.md).
//
// The front links it, so it imports little: no fmt, no encoding/json; each costs every
// call (docs/performance.md). Whoever reads the log has both (helper.Log).
package logfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Older is behind the name of the older file, of which one is kept.
const Older = ".1"

// ErrChanging says that the log was turned over each time that it was opened.
var ErrChanging = errors.New("the log is turned over again and again")

// Writers of a log hold a shared lock on the file, and rotation needs an exclusive one:
// a line must not be written to a file that has been rotated twice, nor a new log
// replace the older one. A holder may be stopped, so no one waits long.
const (
	tries = 20
	pause = 500 * time.Microsecond
)

// Append appends a record with one write, so that the lines of many processes do not mix.
// A log of more than limit bytes is turned over first.
func Append(path string, limit int64, r Record) error {
	d, err := private.Enter(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	line := r.appendJSON(make([]byte, 0, 512))
	name, turns := filepath.Base(path), true
	for range tries {
		f, err := d.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE)
		if err != nil {
			return err
		}
		if info, err := f.Stat(); turns && err == nil && info.Size() > limit && lock(f, private.Alone) {
			// If it cannot be renamed it grows, which is better than losing a line.
			turns = !d.Holds(name, f) || d.Rename(name, name+Older) == nil
			f.Close()
			continue
		}
		if !lock(f, private.Shared) || d.Holds(name, f) {
			_, err = f.Write(line)
			return errors.Join(err, f.Close())
		}
		f.Close() // it was rotated between opening and locking
	}
	return ErrChanging
}

// Unlogged is the error in place of a token whose line is required, and could not be
// written because of err.
func Unlogged(path string, err error) error {
	text := err.Error()
	if !strings.Contains(text, path) {
		text = path + ": " + text
	}
	return &protocol.Error{
		Kind: protocol.ErrPolicy,
		Text: `audit = "required": no token without a line in the log: ` + printable.Line(text),
		Hint: "make room for the log, or have it put right: docs/log.md",
	}
}

// Open opens the older log and the log, those that are there, so that no line is in both
// and none is in neither.
func Open(path string) (files []*os.File, err error) {
	d, err := private.Enter(filepath.Dir(path))
	if err != nil {
		return nil, missing(err)
	}
	defer d.Close()
	name := filepath.Base(path)
	for range tries {
		newer, err := d.OpenFile(name, os.O_RDONLY)
		if missing(err) != nil {
			return nil, err
		}
		if newer != nil {
			if lock(newer, private.Shared); !d.Holds(name, newer) {
				newer.Close() // it has just become the older one
				continue
			}
			files = append(files, newer)
		}
		older, err := d.OpenFile(name+Older, os.O_RDONLY)
		if older != nil {
			files = append([]*os.File{older}, files...)
		}
		return files, missing(err)
	}
	return nil, ErrChanging
}

// missing is nil for what is not there.
func missing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// lock tries for a moment. False means that somebody was stopped while holding it, or
// that the file system has no locks.
func lock(f *os.File, kind private.LockKind) bool {
	for range tries {
		taken, err := private.TryLockFile(f, kind)
		if taken {
			return true
		}
		if kind == private.Alone || err != nil {
			return false // a current writer will rotate it with the next line
		}
		time.Sleep(pause)
	}
	return false
}
