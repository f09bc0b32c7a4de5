// Package tokenfile keeps a token in a file, for programs that read it there: the
// command of exec, and the readers of sink. It renews the token before it ends, and
// a reader never sees half of one.
package tokenfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
)

// A File holds what exec's command, or the readers of sink, get as token. It
// is replaced whole by rename(2): who opens it reads the old content or the new
// one, never a part, never nothing; a kill -9 at any moment leaves one of the two.
type File struct {
	Path string
	last fs.FileInfo // of what we wrote last; nil before
}

// Write puts content in place of what was there. The directory is looked at anew
// each time, and everything happens through one descriptor of it (T17).
func (f *File) Write(content []byte) error {
	d, name, err := f.place()
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := stat(d, name); errors.Is(err, private.ErrUnsafe) {
		return policy(err.Error()) // a link would have the token written, or read, somewhere else
	}
	err = d.ReplaceAndSync(name, content)
	if err == nil {
		f.last, err = stat(d, name)
	}
	if err != nil {
		return policy("cannot write " + f.Path + ": " + reason(err))
	}
	return nil
}

// Remove removes the file if it is the one that we wrote.
func (f *File) Remove() error {
	if f.last == nil {
		return nil
	}
	d, name, err := f.place()
	if err != nil {
		return err
	}
	defer d.Close()
	info, err := stat(d, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, private.ErrUnsafe) || err == nil && !os.SameFile(info, f.last) {
		return nil
	}
	if err == nil {
		err = errors.Join(d.Remove(name), d.Sync())
	}
	if err != nil {
		return policy("cannot remove " + f.Path + ": " + reason(err))
	}
	f.last = nil
	return nil
}

// place opens the directory, in which nobody else may put another file in the place
// of ours (T1, T17).
func (f *File) place() (d private.Dir, name string, err error) {
	d, err = private.Place(filepath.Dir(f.Path))
	switch {
	case errors.Is(err, private.ErrUnsafe):
		err = policy(err.Error())
	case err != nil:
		err = policy(filepath.Dir(f.Path) + ": " + reason(err))
	}
	return d, filepath.Base(f.Path), err
}

// stat looks at a file of ours.
func stat(d private.Dir, name string) (fs.FileInfo, error) {
	f, err := d.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// reason is why a call of the file system failed, without names of temporary
// files.
func reason(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &link):
		return link.Err.Error()
	}
	return err.Error()
}

func policy(text string) error { return &protocol.Error{Kind: protocol.ErrPolicy, Text: text} }
