package trust

import (
	"io"
	"os"
	"path/filepath"
)

// Way does not yet check access control lists. Untested: this system is only
// cross-compiled and vetted.
func Way(path string) (string, error) { return path, nil }

// Links returns the path unchanged.
func Links(path string) (string, error) { return path, nil }

// StateWay returns the path unchanged.
func StateWay(path string) (string, error) { return path, nil }

// ReadProvided reads a regular file of at most limit bytes. A missing file is
// fs.ErrNotExist, a larger one ErrTooLarge.
func ReadProvided(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, Unsafe(path, "is not a regular file")
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
