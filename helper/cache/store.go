package cache

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

// Lock is a held lock of one profile.
type Lock = private.Lock

// Store is an open cache.
type Store struct {
	dirs Dirs
	dir  private.Dir
}

// Open opens the cache of a home, which must exist. It fails with ErrUnsafe if
// others could have reached it, and fs.ErrNotExist if there is none yet.
func Open(dirs Dirs) (*Store, error) {
	dir, err := private.Open(dirs.Run())
	if err != nil {
		return nil, err
	}
	return &Store{dirs, dir}, nil
}

// Create opens the cache of a home and makes it first if there is none.
func Create(dirs Dirs) (*Store, error) {
	if err := dirs.Check(); err != nil {
		return nil, err
	}
	dir, err := private.Make(dirs.Run())
	if err != nil {
		return nil, err
	}
	return &Store{dirs, dir}, nil
}

// Close closes the cache.
func (s *Store) Close() { s.dir.Close() }

// unseal reads and opens a sealed file.
func (s *Store) unseal(name string) (opened, error) {
	sealed, err := s.dir.Read(name, maxEntrySize)
	if err != nil {
		return opened{}, ErrMiss
	}
	f, ok := s.dirs.open(name, sealed)
	if !ok {
		return f, ErrMiss
	}
	return f, nil
}

// entry reads a subject's entry that was unsealed.
func (s *Store) entry(profile string, subject Subject, f opened) (*Entry, error) {
	if f.kind != kindEntry {
		return nil, ErrMiss
	}
	e, ok := decodeEntry(f.text)
	// The lock file must be this home's: another home's entry opens with its own
	// key, which the same user can read.
	if !ok || e.Profile != profile || e.Lock.Path != s.dir.At(ProfileKey(profile).file('l')) || !e.Lock.True() {
		return nil, ErrMiss
	}
	e.Subject = subject
	return e, nil
}

// Current tells whether none of the files that the entry was made from changed.
func (e *Entry) Current() bool { return allTrue(e.Stamps) }

// Put seals an entry under its profile and subject. The caller holds the profile's
// lock.
func (s *Store) Put(ctx context.Context, lock *Lock, e *Entry) error {
	if !e.fits() {
		return errors.New("the entry is too large for the cache")
	}
	e.Lock = stampOf(lock.Path())
	key, home, err := s.sealingKey(ctx, func() time.Duration { return s.keyLife(e) })
	if err != nil {
		return err
	}
	defer wipe(key.key[:])
	slot, left, err := s.claim(e, &key)
	if err != nil {
		return err
	}
	h := header{kind: kindEntry, home: home, expires: e.Expires}
	name := slot
	if len(e.Subject) > 0 {
		name = entryName(slot, &key, e.Subject)
		if err := s.makeRoom(slot, name); err != nil {
			return err
		}
		// First where to look, so that no subject's entry lies where nobody looks.
		where := header{kind: kindSubject, home: home, expires: e.Expires}
		if err := s.putSealed(&key, where, slot, e.Subject.encode(e.Profile)); err != nil {
			return err
		}
	}
	if err := s.putSealed(&key, h, name, e.encode()); err != nil || left == "" {
		return err
	}
	return s.dir.Remove(left)
}

func (s *Store) putSealed(key *sealingKey, h header, name string, text []byte) error {
	var nonce [nonceSize]byte
	if err := randomOctets(nonce[:]); err != nil {
		return err
	}
	sealed, err := key.seal(name, h, nonce, text)
	if err != nil {
		return err
	}
	return s.dir.Replace(name, sealed)
}

// Revoke removes the profile's entries and makes every copy of them worthless, even
// one that is restored later (T16). The caller holds the profile's lock.
func (s *Store) Revoke(lock *Lock, profile string) error {
	return errors.Join(lock.Touch(), s.DropProfile(profile))
}

// Lock waits for the profile's lock until the context ends; then ErrLocked.
func (s *Store) Lock(ctx context.Context, profile string) (*Lock, error) {
	return s.dir.Lock(ctx, ProfileKey(profile).file('l'))
}

// TryLock takes the profile's lock, or returns ErrLocked at once.
func (s *Store) TryLock(profile string) (*Lock, error) {
	return s.dir.TryLock(ProfileKey(profile).file('l'))
}

// homeFile holds the random id of this home; its lock guards making the key.
const (
	homeFile = "home"
	homeLock = "home-lock"
)

// HomeID is a random id of this home, made on first use: what the kernel keyring
// knows its keys by, so that two homes never share or cancel one.
//
// A file that cannot be read at the moment is an error, not a reason for another
// id: that would orphan the key and every entry sealed with it.
func (s *Store) HomeID(ctx context.Context) ([16]byte, error) {
	id, err := s.readHomeID()
	if err == nil || !errors.Is(err, ErrMiss) {
		return id, err
	}
	lock, err := s.dir.Lock(ctx, homeLock)
	if err != nil {
		return [16]byte{}, err
	}
	defer lock.Unlock()
	if id, err := s.readHomeID(); err == nil || !errors.Is(err, ErrMiss) {
		return id, err
	}
	if err := randomOctets(id[:]); err != nil {
		return id, err
	}
	return id, s.dir.Replace(homeFile, id[:])
}

// readHomeID is ErrMiss if there is no id, or something that is none.
func (s *Store) readHomeID() (id [16]byte, err error) {
	content, err := s.dir.Read(homeFile, len(id))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, private.ErrTooLarge) || err == nil && copy(id[:], content) != len(id) {
		return [16]byte{}, ErrMiss
	}
	return id, err
}

// sealingKey finds the key to seal with, or makes one in the first place that
// takes it.
func (s *Store) sealingKey(ctx context.Context, life func() time.Duration) (sealingKey, [16]byte, error) {
	home, err := s.HomeID(ctx)
	if err != nil {
		return sealingKey{}, home, err
	}
	lock, err := s.dir.Lock(ctx, homeLock)
	if err != nil {
		return sealingKey{}, home, err
	}
	defer lock.Unlock()
	if key, ok := kernelKey(keyName(home), randomOctets, life); ok {
		return key, home, nil
	}
	for _, p := range [...]place{placeRuntime, placeShared} {
		if key, ok := s.fileKey(p, home); ok {
			return key, home, nil
		}
	}
	var key sealingKey
	if s.dirs.deriveKey(&key, home) {
		return key, home, nil
	}
	return key, home, ErrNoSealingKey
}

// keyEnds holds the end of the token that lives longest, in Unix seconds: the key need
// not outlive it. Throw-away homes would fill the user's quota of keys.
const keyEnds = "key-ends"

// keyLife is how long the key is needed after e is sealed. The caller holds homeLock.
func (s *Store) keyLife(e *Entry) time.Duration {
	text, _ := s.dir.Read(keyEnds, 20)
	ends, _ := strconv.ParseInt(string(text), 10, 64)
	if e.Expires > ends || ends > e.Issued+maxKeyLife {
		ends = e.Expires
		_ = s.dir.Replace(keyEnds, strconv.AppendInt(nil, ends, 10)) // at worst a miss
	}
	return time.Duration(ends-e.Issued+60) * time.Second // what is left, and a minute
}

// maxKeyLife is the longest life of a token (A19) and some, in seconds: what a clock
// that was wrong wrote down does not count.
const maxKeyLife = 26 * 60 * 60

// fileKey finds or makes the key's file on a tmpfs.
func (s *Store) fileKey(p place, home [16]byte) (sealingKey, bool) {
	key := sealingKey{place: p}
	if s.dirs.fetchKey(&key, home) {
		return key, true
	}
	s.dirs.makeKeyDirectory(p)
	dir, err := s.dirs.keyDirectory(p)
	if err != nil {
		return key, false
	}
	defer dir.Close()
	ok := randomOctets(key.key[:]) == nil && dir.Replace(keyName(home), key.key[:]) == nil
	return key, ok
}

// KeyPlace says in words where the key of sealed tokens is, or would be, kept.
func (s *Store) KeyPlace(ctx context.Context) (string, error) {
	key, _, err := s.sealingKey(ctx, nil)
	wipe(key.key[:])
	return key.place.String(), err
}

// ForgetKey removes the key from every place, so that no sealed token opens any more,
// even one that is restored: credhelper lock. The derived one cannot be removed; it
// gets another salt, the next id of this home.
func (s *Store) ForgetKey(ctx context.Context) error {
	home, err := s.HomeID(ctx)
	if err != nil {
		return err
	}
	forgetKernelKey(keyName(home))
	for _, p := range [...]place{placeRuntime, placeShared} {
		if dir, err := s.dirs.keyDirectory(p); err == nil {
			err = dir.Remove(keyName(home))
			dir.Close()
			if err != nil {
				return err
			}
		}
	}
	return s.dir.Remove(homeFile)
}

// Sweep removes the unfinished files that killed processes left more than an
// hour ago (F1) and returns how many there were.
func (s *Store) Sweep(now time.Time) (removed int) { return s.dir.Sweep(now) }

// Misplaced lists what is no file in the directory of the cache: it holds files only.
func (s *Store) Misplaced() (paths []string) {
	names, _ := s.dir.Names()
	for _, name := range names {
		if !s.dir.IsFile(name) {
			paths = append(paths, s.dir.At(name))
		}
	}
	return paths
}

// DropAll removes every entry, what was reported about it, and every route, and makes
// every copy of an entry worthless, also of those whose keys other places have:
// credhelper lock and cache clear.
func (s *Store) DropAll() error {
	names, err := s.dir.Names()
	for _, name := range names {
		switch kind, _, _ := strings.Cut(name, "-"); {
		case kind == "l" && s.dir.IsFile(name):
			err = errors.Join(err, s.dir.TouchLock(name))
		case slices.Contains([]string{"t", "x", "k", "r"}, kind):
			err = errors.Join(err, s.dir.Remove(name))
		}
	}
	return err
}
