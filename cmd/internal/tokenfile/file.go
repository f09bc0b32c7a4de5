// Package tokenfile keeps a token in a file, for programs that read it there: the
// command of exec, and the readers of sink. It renews the token before it ends, and
// a reader never sees half of one.
package tokenfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

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
	root, err := openPlace(filepath.Dir(f.Path))
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Base(f.Path)
	if err := replaceable(root, name, f.Path); err != nil {
		return err
	}
	info, err := replace(root, name, content)
	if err != nil {
		return policy("cannot write " + f.Path + ": " + reason(err))
	}
	f.last = info
	return nil
}

// Remove removes the file if it is the one that we wrote.
func (f *File) Remove() error {
	if f.last == nil {
		return nil
	}
	root, err := openPlace(filepath.Dir(f.Path))
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Base(f.Path)
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, f.last) {
		return nil
	}
	if err == nil {
		err = root.Remove(name)
	}
	if err != nil {
		return policy("cannot remove " + f.Path + ": " + reason(err))
	}
	f.last = nil
	syncDir(root)
	return nil
}

// openPlace opens a directory in which nobody else can put another file in the
// place of ours: it is ours or root's, others cannot write to it, and it is no
// link that somebody could turn (T1, T17). The descriptor is checked, not the path.
func openPlace(dir string) (*os.Root, error) {
	link, err := os.Lstat(dir)
	if err != nil {
		return nil, policy(dir + ": " + reason(err))
	}
	if link.Mode()&fs.ModeSymlink != 0 {
		return nil, policy(dir + " is a link; name the directory that it leads to")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, policy(dir + ": " + reason(err))
	}
	info, err := root.Stat(".")
	switch {
	case err != nil:
	case !os.SameFile(link, info):
		err = policy(dir + " is being replaced")
	case !ownedByUs(info) && !ownedByRoot(info):
		err = policy(dir + " belongs to another user, who could put another file there")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		err = policy(fmt.Sprintf("others can write to %s (mode %04o) and put another file there", dir, info.Mode().Perm()))
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// replaceable refuses what is no ordinary file of ours: a link would have the
// token written, or read, somewhere else.
func replaceable(root *os.Root, name, path string) error {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return policy(path + ": " + reason(err))
	case info.Mode()&fs.ModeSymlink != 0:
		return policy(path + " is a link; name the file that it leads to")
	case !info.Mode().IsRegular():
		return policy(path + " is not an ordinary file")
	case !ownedByUs(info):
		return policy(path + " belongs to another user")
	}
	return nil
}

// replace writes beside the file, and renames: both the content and the new name
// are on the disk when it returns.
func replace(root *os.Root, name string, content []byte) (fs.FileInfo, error) {
	temp := tempName(name, os.Getpid())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // a killed process had our number
		if err = root.Remove(temp); err == nil {
			f, err = root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		}
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(content)
	info, e := f.Stat()
	err = errors.Join(err, e, f.Chmod(0o600), f.Sync(), f.Close()) // the mode whatever the umask
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp)
		return nil, err
	}
	syncDir(root)
	return info, nil
}

// syncDir makes a rename survive a loss of power. Where a directory cannot be
// synced, the file system does what it does.
func syncDir(root *os.Root) {
	if dir, err := root.Open("."); err == nil {
		_ = dir.Sync()
		dir.Close()
	}
}

// tempName is hidden, for readers that take every file of a directory, and tells
// whose it is.
func tempName(name string, pid int) string { return "." + name + ".tmp-" + strconv.Itoa(pid) }

// sweepTemps removes what writers of the file left that no longer exist: only a
// kill -9 keeps one from removing its own.
func sweepTemps(path string) {
	entries, _ := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		number, ours := strings.CutPrefix(e.Name(), "."+filepath.Base(path)+".tmp-")
		if pid, err := strconv.Atoi(number); ours && err == nil && !alive(pid) {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
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
