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
	switch {
	case err == nil:
		return content, nil
	case errors.Is(err, trust.ErrUnsafe), errors.Is(err, trust.ErrNowhere):
		return nil, protocol.Policy(err.Error())
	case errors.Is(err, trust.ErrTooLarge):
		return nil, protocol.Policy(path + " is too large to be configuration")
	}
	return nil, unreadable(path, err)
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
