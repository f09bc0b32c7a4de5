package cache

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

// homeFile holds the random id of this home; its lock guards the creation of the key.
const (
	homeFile = "home"
	homeLock = "home-lock"
)

// HomeID returns the random id of this home, and creates it on first use. The kernel
// keyring identifies keys by it, so that two homes never share or destroy one.
//
// A file that cannot be read is an error, not a reason for another id, which would
// orphan the key and every entry sealed with it.
func (d Dirs) HomeID(ctx context.Context) ([16]byte, error) {
	dir, err := d.locks()
	if err != nil {
		return [16]byte{}, err
	}
	defer dir.Close()
	return homeID(ctx, dir)
}

func homeID(ctx context.Context, dir private.Dir) ([16]byte, error) {
	id, err := readHomeID(dir)
	if err == nil || !errors.Is(err, ErrMiss) {
		return id, err
	}
	lock, err := dir.Lock(ctx, homeLock)
	if err != nil {
		return [16]byte{}, err
	}
	defer lock.Unlock()
	if id, err := readHomeID(dir); err == nil || !errors.Is(err, ErrMiss) {
		return id, err
	}
	if err := randomBytes(id[:]); err != nil {
		return id, err
	}
	return id, dir.Replace(homeFile, id[:])
}

// readHomeID returns ErrMiss if there is no valid id.
func readHomeID(dir private.Dir) (id [16]byte, err error) {
	content, err := dir.Read(homeFile, len(id))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, private.ErrTooLarge) || err == nil && copy(id[:], content) != len(id) {
		return [16]byte{}, ErrMiss
	}
	return id, err
}

// sealingKey returns the key to seal with, or creates one in the first place that
// permits it. The key is kept at least until the entry's token expires; a nil entry
// does not extend that.
func (d Dirs) sealingKey(ctx context.Context, e *Entry) (sealingKey, [16]byte, error) {
	dir, err := d.locks()
	if err != nil {
		return sealingKey{}, [16]byte{}, err
	}
	defer dir.Close()
	home, err := homeID(ctx, dir)
	if err != nil {
		return sealingKey{}, home, err
	}
	lock, err := dir.Lock(ctx, homeLock)
	if err != nil {
		return sealingKey{}, home, err
	}
	defer lock.Unlock()
	var life time.Duration
	if e != nil {
		if life, err = keyLife(dir, e); err != nil {
			return sealingKey{}, home, err
		}
	}
	key, ok := d.findKey(home, life)
	if !ok {
		key, ok = addKernelKey(keyName(home), randomBytes, life)
	}
	for i := 0; !ok && i < len(filePlaces); i++ {
		key, ok = d.addFileKey(filePlaces[i], home)
	}
	if !ok && !d.deriveKey(&key, home) {
		return sealingKey{}, home, ErrNoSealingKey
	}
	return key, home, nil
}

// keyEnds holds the latest expiry of a token, in Unix seconds, after which the key is
// not needed. Temporary homes would otherwise exhaust the user's quota of keys.
const keyEnds = "key-ends"

// keyLife returns how long the key is needed after e is sealed. The caller holds
// homeLock.
func keyLife(dir private.Dir, e *Entry) (life time.Duration, err error) {
	text, _ := dir.Read(keyEnds, 20)
	ends, _ := strconv.ParseInt(string(text), 10, 64)
	if e.Expires > ends || ends > e.Issued+maxKeyLife {
		ends = e.Expires
		err = dir.Replace(keyEnds, strconv.AppendInt(nil, ends, 10))
	}
	return time.Duration(ends-e.Issued+60) * time.Second, err // the remaining time, and a minute
}

// maxKeyLife is somewhat more than the longest lifetime of a token (A19), in seconds:
// an entry written with a wrong clock does not count.
const maxKeyLife = 26 * 60 * 60

// findKey returns the home's key from the place that has one, because another key, in a
// place with room again, would make every sealed file a miss.
func (d Dirs) findKey(home [16]byte, life time.Duration) (sealingKey, bool) {
	if key, ok := findKernelKey(keyName(home), life); ok {
		return key, true
	}
	for _, p := range filePlaces {
		key := sealingKey{place: p}
		if d.fetchKey(&key, home) {
			return key, true
		}
	}
	return sealingKey{}, false
}

// addFileKey creates the key in a file of its own.
func (d Dirs) addFileKey(p place, home [16]byte) (sealingKey, bool) {
	key := sealingKey{place: p}
	d.makeKeyDirectory(p)
	dir, err := d.keyDirectory(p)
	if err != nil {
		return key, false
	}
	defer dir.Close()
	err = randomBytes(key.key[:])
	content, unsealed := keyFileContent(key.key[:])
	return key, err == nil && unsealed == nil && dir.Replace(keyName(home), content) == nil
}

// KeyPlace describes the place where the key of sealed tokens is, or would be, kept.
func (s *Store) KeyPlace(ctx context.Context) (string, error) {
	key, _, err := s.dirs.sealingKey(ctx, nil)
	wipe(key.key[:])
	return key.place.String(), err
}

// ForgetKey removes the key from every place, so that no sealed token can be opened,
// not even a restored one: credhelper lock. The derived key cannot be removed, but gets
// another salt, the next id of this home.
func (s *Store) ForgetKey(ctx context.Context) error {
	locks, err := s.dirs.locks()
	if err != nil {
		return err
	}
	defer locks.Close()
	home, err := homeID(ctx, locks)
	if err != nil {
		return err
	}
	forgetKernelKey(keyName(home))
	for _, p := range filePlaces {
		if dir, err := s.dirs.keyDirectory(p); err == nil {
			err = dir.Remove(keyName(home))
			dir.Close()
			if err != nil {
				return err
			}
		}
	}
	return locks.Remove(homeFile)
}
