package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// readFile reads a file that somebody else may have provided: Kubernetes
// mounts, systemd, a configuration tool. Links are followed, and what was
// opened is checked: a regular file, owned by root or us, that nobody else can
// write. Others may be able to read it: that is for its provider to decide.
func readFile(path string) ([]byte, error) {
	if !filepath.IsAbs(path) { // T4: nothing depends on the current directory
		return nil, fmt.Errorf("%w: %s is not an absolute path", ErrInvalid, path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openNonblock, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	case err != nil:
		return nil, unavailable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unavailable(err)
	}
	if err := provided(info, path); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxSecret+1))
	switch {
	case err != nil:
		return nil, unavailable(err)
	case len(data) > MaxSecret:
		return nil, fmt.Errorf("%w: %s has more than %d octets", ErrInvalid, path, MaxSecret)
	}
	return data, nil
}

// provided tells whether root or we provided what was opened, and nobody else
// can write it.
func provided(info fs.FileInfo, path string) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", ErrUnsafe, path)
	}
	return foreignHands(info, path)
}
