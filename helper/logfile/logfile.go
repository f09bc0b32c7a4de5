// Package logfile is the log: one JSON object a line, which any number of processes append
// to at once (docs/log.md).
//
// The front links it, so it imports little: no fmt, no encoding/json; each costs every
// call (docs/performance.md). Package logread, which reads it, has both.
package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/credhelper/credhelper/helper/filelock"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Unlogged is the error in place of a token whose line is required, and could not be
// written because of err.
func Unlogged(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is said anyway
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: `audit = "required": no token without a line in the log ` + printable.Line(path+": "+err.Error()),
		Hint: "make room for the log, or have it put right: credhelper help log"}
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
			if lock(newer, filelock.Shared); !d.Holds(name, newer) {
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
	return nil, &fs.PathError{Op: "open", Path: path, Err: ErrChanging}
}

// missing returns nil for a file that does not exist.
func missing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
