package config

import (
	"errors"
	"io/fs"

	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol"
)

// ReadProvided reads a configuration file that belongs to root or us and that no one
// else can write to (T14). A missing file is fs.ErrNotExist.
func ReadProvided(path string, limit int) ([]byte, error) {
	content, err := trust.ReadProvided(path, limit)
	return content, provided(path, err)
}

// ReadProvidedIn is ReadProvided for the file called name in a directory that is read
// as a whole; path is for messages.
func ReadProvidedIn(dir trust.ProvidedDir, name, path string, limit int) ([]byte, error) {
	content, err := dir.Read(name, limit)
	return content, provided(path, err)
}

// provided says what it means that a file cannot be read.
func provided(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, trust.ErrUnsafe), errors.Is(err, trust.ErrNowhere):
		return protocol.Policy(err.Error())
	case errors.Is(err, trust.ErrTooLarge):
		return protocol.Policy(path + " is too large to be configuration")
	}
	return unreadable(path, err)
}

// unreadable keeps fs.ErrNotExist and makes a policy error of any other.
func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return protocol.Policy("cannot read " + path + ": " + err.Error())
}
