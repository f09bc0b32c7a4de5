package private

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/credhelper/credhelper/helper/trust"
)

// Dir is an open directory of ours. Windows has access control lists instead of modes: a
// directory has one, which its files inherit.
type Dir struct {
	root *os.Root
	path string
}

// A rule returns why a directory is not acceptable; "" if it is.
type rule func(windows.Handle) string

var closed, guarded, anybodys rule = trust.ForeignReader, trust.ForeignWriter, trust.ForeignOwner

func open(path string, r rule) (Dir, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Dir{}, err
	}
	if !info.IsDir() {
		return Dir{}, trust.Unsafe(path, "is a symbolic link or not a directory")
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return Dir{}, err
	}
	itself, err := root.Open(".")
	if err == nil {
		if text := r(windows.Handle(itself.Fd())); text != "" {
			err = trust.Unsafe(path, text)
		}
		itself.Close()
	}
	if err != nil {
		root.Close()
		return Dir{}, err
	}
	return Dir{root, path}, nil
}

// oursAlone returns the list of what is for this user, the system and its administrators
// alone; flags say what inherits it.
func oursAlone(flags string) (*windows.SecurityAttributes, error) {
	all := "(A;" + flags + ";FA;;;"
	list, err := windows.SecurityDescriptorFromString("D:P" + all + "SY)" + all + "BA)" + all + trust.User() + ")")
	return &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: list}, err
}

// makeAll creates a directory and those above it, each for this user, the system and its
// administrators alone, and what is made in them as well.
func makeAll(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := makeAll(parent); err != nil {
			return err
		}
	}
	ours, err := oursAlone("OICI")
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	name, err := windows.UTF16PtrFromString(path)
	if err == nil {
		err = windows.CreateDirectory(name, ours)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

func makeOne(path string, mode uint32) error { return os.Mkdir(path, os.FileMode(mode)) }

// ForGroup returns the directory itself: this system has no groups' modes.
func (d Dir) ForGroup() Dir { return d }

// Close closes the directory.
func (d Dir) Close() { d.root.Close() }

// Read reads a file of at most limit bytes. Anything but a regular file is ErrUnsafe, a
// larger one ErrTooLarge.
func (d Dir) Read(name string, limit int) ([]byte, error) {
	f, err := d.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(content) > limit {
		err = trust.TooLarge(d.At(name), limit)
	}
	return content, err
}

// ReadAt fills b from a file.
func (d Dir) ReadAt(name string, b []byte, offset int64) error {
	f, err := d.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(b, offset)
	return err
}

// OpenFile opens a regular file, or creates it with os.O_CREATE.
func (d Dir) OpenFile(name string, flags int) (*os.File, error) {
	info, err := d.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, trust.Unsafe(d.At(name), "is not a regular file")
	}
	return d.root.OpenFile(name, flags, fileMode)
}

// create writes a new file, or leaves none.
func (d Dir) create(name string, content []byte, sync bool) (release func(), err error) {
	f, err := NewFile(filepath.Join(d.root.Name(), name))
	if err != nil {
		return nil, err
	}
	_, err = f.Write(content)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = d.root.Remove(name)
	}
	return func() {}, err
}

// NewFile creates a file that only its owner can read, in any directory; the error is
// fs.ErrExist if there is one. It has a list of its own from the start: others may read what
// inherits the directory's.
func NewFile(path string) (*os.File, error) {
	ours, err := oursAlone("")
	text, e := windows.UTF16PtrFromString(path)
	if err = cmp.Or(err, e); err != nil {
		return nil, err
	}
	const shared = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	file, err := windows.CreateFile(text, windows.GENERIC_WRITE, shared, ours, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(file), path), nil
}

// removeAbandoned does nothing on this system: age decides.
func (d Dir) removeAbandoned(string) (removed, live bool) { return false, false }

// Rename renames from to to, replacing it.
func (d Dir) Rename(from, to string) error {
	return undisturbed(func() error { return d.root.Rename(from, to) })
}

func (d Dir) remove(name string) error {
	return undisturbed(func() error { return d.root.Remove(name) })
}

// undisturbed repeats for up to 2 s a change of a file that others have open for a moment:
// a reader of ours, or a virus scanner. Windows refuses it meanwhile, unless they permit
// it.
func undisturbed(change func() error) error {
	err := change()
	for end := time.Now().Add(2 * time.Second); inUse(err) && time.Now().Before(end); err = change() {
		time.Sleep(rand.N(10 * time.Millisecond))
	}
	return err
}

func inUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// Sync does nothing: a directory cannot be flushed on this system.
func (d Dir) Sync() error { return nil }

// Names lists the directory, in no particular order.
func (d Dir) Names() ([]string, error) {
	list, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer list.Close()
	return list.Readdirnames(-1)
}

// Modified returns when a file was last written.
func (d Dir) Modified(name string) (time.Time, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// IsFile reports whether name is a regular file or does not exist.
func (d Dir) IsFile(name string) bool {
	info, err := d.root.Lstat(name)
	return err != nil || info.Mode().IsRegular()
}

// Holds reports whether name is still the open file f.
func (d Dir) Holds(name string, f *os.File) bool {
	there, err := d.root.Lstat(name)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && os.SameFile(there, info)
}
