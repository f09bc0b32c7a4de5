package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/credhelper/credhelper/protocol/secret"
)

// File is the keyring of encrypted files: one age file for each secret, all for one
// X25519 key, in a directory of ours. It needs no daemon and no desktop, and its files
// can be read without this program:
//
//	age -d -i IDENTITY credhelper-....age
//
// The key (age calls it the identity) is unlocked by a passphrase, a key file or a
// systemd credential. The public half is not stored, so only a holder of the key can
// make an item that opens. A File is safe for concurrent use, and its directory for
// several processes.
type File struct {
	config FileConfig

	mu       sync.Mutex
	identity *age.X25519Identity // after it was opened
	openedBy Opener
}

// FileConfig is the configuration of a File.
type FileConfig struct {
	// Dir holds the items; absolute; created with mode 0700 if missing.
	Dir string
	// KeyFile is the path of the generated key file, which may not exist; absolute, and
	// not in Dir but in another directory of ours (the state directory), so that a copy
	// of Dir alone cannot be opened.
	KeyFile string
	// Credential is the path of a systemd credential that contains the identity or the
	// passphrase; may be empty.
	Credential string
	// Home is the random id of this home, 1 to 64 hexadecimal digits. The unlocked key
	// is kept in the kernel under this id, so that two homes of one user share nothing.
	// If it is empty, nothing is kept in the kernel.
	Home string
	// WorkFactor is the base-2 logarithm of scrypt's cost when a passphrase is
	// set; 0 is DefaultWorkFactor.
	WorkFactor int
	// Environ is what a plugin of age gets of the environment, see ChildEnviron.
	Environ []string
	// Now is the clock: for stale files and the delay after wrong passphrases.
	Now func() time.Time
	// Sleep waits, or returns early with the context's error.
	Sleep func(context.Context, time.Duration) error
}

// itemSuffix is the suffix of an item's file.
const itemSuffix = ".age"

// OpenFile checks the configuration. It only looks at Dir, if that exists; nothing is
// created before the first Set or Use.
func OpenFile(config FileConfig) (*File, error) {
	config.WorkFactor = cmp.Or(config.WorkFactor, DefaultWorkFactor)
	switch {
	case config.Now == nil || config.Sleep == nil:
		return nil, fmt.Errorf("%w: the file keyring was given no clock", ErrInvalid)
	case config.WorkFactor < 1 || config.WorkFactor > maxWorkFactor:
		return nil, fmt.Errorf("%w: scrypt work factor %d", ErrInvalid, config.WorkFactor)
	case !filepath.IsAbs(config.KeyFile) || filepath.Dir(config.KeyFile) == filepath.Clean(config.Dir):
		return nil, fmt.Errorf("%w: key file %q: an absolute path outside the keyring", ErrInvalid, config.KeyFile)
	case config.Credential != "" && !filepath.IsAbs(config.Credential):
		return nil, fmt.Errorf("%w: credential %q is not an absolute path", ErrInvalid, config.Credential)
	case len(config.Home) > 64 || !isHex(config.Home):
		return nil, fmt.Errorf("%w: the id of the home is not up to 64 hexadecimal digits", ErrInvalid)
	}
	f := &File{config: config}
	dir, err := f.existing()
	if err != nil {
		return nil, err
	}
	if dir != nil {
		dir.Close()
	}
	return f, nil
}

// existing opens the directory; nil if there is none.
func (f *File) existing() (*directory, error) {
	dir, err := openDirectory(f.config.Dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, f.in(err)
	}
	return dir, nil
}

// Get opens one item. A missing one is ErrNotFound even while the keyring is locked:
// the names are not secret, and "store it" is then better advice than "unlock".
func (f *File) Get(ctx context.Context, key string) (secret.Text, error) {
	if err := begin(ctx, CheckKey(key)); err != nil {
		return secret.Text{}, err
	}
	dir, err := openDirectory(f.config.Dir, false)
	var sealed []byte
	if err == nil {
		defer dir.Close()
		sealed, err = dir.read(key+itemSuffix, maxItem)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return secret.Text{}, f.in(err)
	}
	identity, err := f.unlocked(ctx, dir)
	if err != nil {
		return secret.Text{}, f.in(err)
	}
	value, err := openItem(identity, key, sealed)
	if err != nil {
		return secret.Text{}, f.in(fmt.Errorf("item %s: %w", dir.At(key+itemSuffix), err))
	}
	return value, nil
}

// Set seals value, and replaces the item by renaming.
func (f *File) Set(ctx context.Context, key string, value secret.Text) error {
	if err := CheckSet(key, value); err != nil {
		return err
	}
	return f.changing(ctx, func(dir *directory) error {
		identity, err := f.unlocked(ctx, dir)
		if err != nil {
			return err
		}
		sealed, err := sealItem(identity, key, value)
		if err != nil {
			return err
		}
		return dir.write(key+itemSuffix, sealed)
	})
}

// Delete removes an item, which needs no key.
func (f *File) Delete(ctx context.Context, key string) error {
	if err := begin(ctx, CheckKey(key)); err != nil {
		return err
	}
	if names, err := f.Names(ctx); err == nil && len(names) == 0 {
		return nil // without creating a directory
	}
	return f.changing(ctx, func(dir *directory) error {
		return dir.remove(key + itemSuffix)
	})
}

// Names lists the items, which needs no key.
func (f *File) Names(ctx context.Context) ([]string, error) {
	if err := begin(ctx, nil); err != nil {
		return nil, err
	}
	dir, err := f.existing()
	if dir == nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.items(itemSuffix)
	if err != nil {
		return nil, f.in(err)
	}
	return names, nil
}

// changing makes one change of the directory under its lock, which is released before
// it returns.
func (f *File) changing(ctx context.Context, change func(*directory) error) error {
	if err := begin(ctx, nil); err != nil {
		return err
	}
	dir, err := openDirectory(f.config.Dir, true)
	if err != nil {
		return f.in(err)
	}
	defer dir.Close()
	release, err := dir.lock(ctx, lockName)
	if err != nil {
		return f.in(err)
	}
	defer release()
	dir.Sweep(f.config.Now())
	return f.in(change(dir))
}

// in adds the directory to an error.
func (f *File) in(err error) error {
	if err == nil {
		return nil
	}
	return &NamedError{"file keyring " + f.config.Dir, err}
}
