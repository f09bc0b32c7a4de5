package cache

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/credhelper/credhelper/helper/private"
)

// Lock is a held lock of one profile.
type Lock = private.Lock

// The directory of locks is beside run/, because the record that an entry was revoked
// must not be restored together with the entry. An entry holds the stamp of its
// profile's lock file, and revoking touches that file, so if run/ is moved away before
// a sign-out and back afterwards, its entries are invalid (T16). The home's id is here
// for the same reason: without it lock could not find the key to remove.

// Locks returns the directory of the profiles' locks and of the home's id.
func (d Dirs) Locks() string { return d.State + "/locks" }

// Used reports whether there ever was a cache in this home.
func (d Dirs) Used() bool { return stampOf(d.Locks()).Inode != 0 }

// lockName returns the name of a profile's lock file, which is never deleted.
func lockName(profile string) string { return ProfileKey(profile).file('l') }

// isLockPath reports whether path is that of the lock of the profile which has a slot, as
// entries store it. It neither hashes the profile's name again nor makes the path: this is done for each hit.
func (d Dirs) isLockPath(path, slot string) bool {
	below, ok := strings.CutPrefix(path, d.State)
	name, ours := strings.CutPrefix(below, "/locks/l-")
	return ok && ours && len(name) == 2*len(Key{}) && strings.HasPrefix(slot[len("t-"):], name)
}

// locks opens the directory of locks, and creates it in a home that has state.
func (d Dirs) locks() (private.Dir, error) {
	dir, err := private.Find(d.Locks())
	if !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	state, err := private.Enter(d.State)
	if err != nil {
		return private.Dir{}, err
	}
	state.Close()
	return private.Make(d.Locks())
}

// Lock waits for the profile's lock until the context ends, and then returns ErrLocked.
func (s *Store) Lock(ctx context.Context, profile string) (*Lock, error) {
	return s.dirs.lock(ctx, lockName(profile))
}

// TryLock takes the profile's lock, or returns ErrLocked at once.
func (s *Store) TryLock(profile string) (*Lock, error) {
	dir, err := s.dirs.locks()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.TryLock(lockName(profile))
}

func (d Dirs) lock(ctx context.Context, name string) (*Lock, error) {
	dir, err := d.locks()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Lock(ctx, name)
}

// Revoke removes the profile's entries and invalidates every copy of them, even one
// that is restored later (T16). The caller holds the profile's lock.
func (s *Store) Revoke(lock *Lock, profile string) error {
	return errors.Join(lock.Touch(), s.DropProfile(profile))
}

// revokeAll invalidates every copy of every entry, whoever holds the locks.
func (d Dirs) revokeAll() error {
	dir, err := d.locks()
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Names()
	for _, name := range names {
		if strings.HasPrefix(name, "l-") && dir.IsFile(name) {
			err = errors.Join(err, dir.TouchLock(name))
		}
	}
	return err
}
