// Package tokenfile keeps a token in a file for the programs that read it: the command
// of exec, and the readers of sink. It renews the token before it expires, and readers
// never see a partial file.
package tokenfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol"
)

// A File holds the token for exec's command or for the readers of sink. It is replaced
// by rename(2): a reader sees the old content or the new one, never a part and never an
// empty file, and a kill -9 at any point leaves one of the two.
type File struct {
	Path      string
	MakeDir   bool // create its directory if it is missing, and none above it
	GroupRead bool // let the directory's group read it

	last fs.FileInfo // the file that was written last; nil before
}

// Write replaces the content of the file. It opens the directory each time, and does
// everything through that descriptor (T17).
func (f *File) Write(content []byte) error {
	d, name, err := f.place()
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := stat(d, name); errors.Is(err, private.ErrUnsafe) {
		return protocol.Policy(err.Error()) // a link could redirect the token, or reveal it
	}
	err = d.ReplaceAndSync(name, content)
	if err == nil {
		f.last, err = stat(d, name)
	}
	if err != nil {
		return protocol.Policy("cannot write " + f.Path + ": " + reason(err))
	}
	return nil
}

// Remove removes the file if it is the one that was written last.
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
		return protocol.Policy("cannot remove " + f.Path + ": " + reason(err))
	}
	f.last = nil
	return nil
}

// place opens the directory and checks that no other user can replace a file in it (T1,
// T17).
func (f *File) place() (d private.Dir, name string, err error) {
	if err := trust.FileName(f.Path); err != nil {
		return d, "", protocol.Policy(err.Error())
	}
	dir := filepath.Dir(f.Path)
	if f.MakeDir {
		d, err = private.MakePlace(dir, f.GroupRead)
	} else {
		d, err = private.Place(dir)
	}
	if err == nil && f.GroupRead {
		d = d.ForGroup()
	}
	switch {
	case errors.Is(err, private.ErrUnsafe):
		err = protocol.Policy(err.Error())
	case err != nil:
		err = protocol.Policy(dir + ": " + reason(err))
	}
	return d, filepath.Base(f.Path), err
}

// stat returns the information of a file that belongs to us.
func stat(d private.Dir, name string) (fs.FileInfo, error) {
	f, err := d.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// reason returns the cause of a file system error, without the name of a temporary
// file.
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
