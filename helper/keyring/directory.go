package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

const (
	lockName    = "lock" // never deleted: processes with different inodes would both hold the lock
	lockPatient = 2 * time.Second
)

// A directory is a private directory whose errors are those of this package.
type directory struct{ private.Dir }

// openDirectory opens path, which must be absolute and private; with create it creates
// missing directories. A missing one is fs.ErrNotExist.
func openDirectory(path string, create bool) (*directory, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%w: %s is not an absolute path", ErrInvalid, path)
	}
	open := private.Find
	if create {
		open = private.Make
	}
	d, err := open(path)
	return &directory{d}, directoryError(err)
}

// directoryError translates a directory's error for users of a keyring.
func directoryError(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrUnsafe), errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, private.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return unavailable(err)
}

func (d *directory) read(name string, limit int) ([]byte, error) {
	content, err := d.Read(name, limit)
	return content, directoryError(err)
}

func (d *directory) write(name string, content []byte) error {
	return directoryError(d.ReplaceAndSync(name, content))
}

// remove removes a file durably. It is not an error if there is none.
func (d *directory) remove(name string) error {
	if err := d.Remove(name); err != nil {
		return directoryError(err)
	}
	return directoryError(d.Sync())
}

// lock takes the lock called name, and waits for other processes for at most
// lockPatient. Integrity does not depend on it, because files are renamed into place:
// on a disk without locks (F17) the caller continues without.
func (d *directory) lock(ctx context.Context, name string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatient)
	defer cancel()
	l, err := d.Lock(ctx, name)
	switch {
	case errors.Is(err, private.ErrNoLocks):
		return func() {}, nil
	case errors.Is(err, private.ErrLocked):
		return nil, fmt.Errorf("%w: another process holds %s", ErrUnavailable, d.At(name))
	case err != nil:
		return nil, directoryError(err)
	}
	return l.Unlock, nil
}

// items lists the names that end in suffix, without the suffix, in ascending order.
func (d *directory) items(suffix string) ([]string, error) {
	all, err := d.Names()
	if err != nil {
		return nil, unavailable(err)
	}
	var keys []string
	for _, name := range all {
		if key, ok := strings.CutSuffix(name, suffix); ok && ValidKey(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// unavailable wraps a system error; the path in err is kept.
func unavailable(err error) error { return &Problem{ErrUnavailable, err} }
