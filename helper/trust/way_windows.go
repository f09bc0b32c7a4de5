package trust

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// Way checks path, which must be absolute, and every directory above it: each must belong
// to us or to an administrator, and no one else can move it or what is in it away, or
// change the last one. An element that fails is ErrUnsafe, with its name. Missing and
// inaccessible elements are not checked, nor are links, which only an administrator or a
// developer can make.
func Way(path string) (string, error) {
	if text := foreignAt(path, toChange, "change it"); text != "" {
		return path, Unsafe(path, text)
	}
	return path, above(path)
}

// StateWay is Way for a directory of ours, which is checked separately.
func StateWay(path string) (string, error) {
	if text := foreignAt(path, toMove, "replace it"); text != "" {
		return path, Unsafe(path, text)
	}
	return path, above(path)
}

// above checks the directories above path. The root of a volume cannot be moved.
func above(path string) error {
	for path = filepath.Clean(path); ; {
		parent := filepath.Dir(path)
		if parent == path {
			return nil
		}
		rights := windows.ACCESS_MASK(toMove)
		if filepath.Dir(parent) == parent {
			rights &^= windows.DELETE
		}
		if text := foreignAt(parent, rights, "replace what is in it"); text != "" {
			return Unsafe(parent, text)
		}
		path = parent
	}
}

// Links returns the path unchanged.
func Links(path string) (string, error) { return path, nil }

// FileName fails if Windows takes the last element of a path for something else than a file
// of that name: for a device (con.toml) or a stream of a file (token:1).
func FileName(path string) error {
	if !filepath.IsLocal(filepath.Base(path)) {
		return Unsafe(path, "is not the name of a file, but of a device or a part of one")
	}
	return nil
}

// ReadProvided reads a regular file of at most limit bytes that belongs to us or to an
// administrator and that no one else can change. A missing file is fs.ErrNotExist, a
// larger one ErrTooLarge.
func ReadProvided(path string, limit int) ([]byte, error) {
	if err := FileName(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, Unsafe(path, "is not a regular file")
	}
	if text := ForeignWriter(windows.Handle(f.Fd())); text != "" {
		return nil, Unsafe(path, text)
	}
	return readAll(f, limit)
}

// ProvidedDir reads many provided files of one directory.
type ProvidedDir struct{ path string }

// OpenProvided opens a directory of provided files.
func OpenProvided(path string) (ProvidedDir, error) { return ProvidedDir{path}, nil }

// Close closes the directory.
func (d ProvidedDir) Close() {}

// Read is ReadProvided for a file of the directory.
func (d ProvidedDir) Read(name string, limit int) ([]byte, error) {
	return ReadProvided(filepath.Join(d.path, name), limit)
}

// Writable is not known before it is tried.
func Writable(string) error { return nil }

// readAll reads an open file to its end, whatever its reported size. A file of more than
// limit bytes is ErrTooLarge.
func readAll(f *os.File, limit int) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(content) > limit {
		err = TooLarge(f.Name(), limit)
	}
	return content, err
}
