package configfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol"
)

// MaxSize is the maximum size in bytes of a profile, a preset, a guest or the settings.
const MaxSize = 64 << 10

// Read reads a configuration file of at most limit bytes that belongs to root or us and
// that no one else can write to (T14). A missing file is fs.ErrNotExist.
func Read(path string, limit int) ([]byte, error) {
	content, err := trust.ReadProvided(path, limit)
	return content, readError(path, err)
}

// ReadIn is Read for a file of MaxSize at most, in a directory that is read as a whole.
func ReadIn(dir trust.ProvidedDir, path string) ([]byte, error) {
	content, err := dir.Read(filepath.Base(path), MaxSize)
	return content, readError(path, err)
}

// readError says what it means that a file cannot be read. It keeps fs.ErrNotExist and
// makes a policy error of any other.
func readError(path string, err error) error {
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, trust.ErrUnsafe), errors.Is(err, trust.ErrNowhere):
		return protocol.Policy(err.Error())
	case errors.Is(err, trust.ErrTooLarge):
		return protocol.Policy(path + " is too large to be configuration")
	}
	return protocol.Policy("cannot read " + path + ": " + cause(err).Error())
}

// cause returns an error without the operation and path that precede it.
func cause(err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		return at.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
