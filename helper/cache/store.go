package cache

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

// Store is an open cache.
type Store struct {
	dirs Dirs
	dir  private.Dir
}

// Open opens the cache of an existing home. It returns ErrUnsafe if others could access
// it, and fs.ErrNotExist if there is none yet.
func Open(dirs Dirs) (*Store, error) {
	dir, err := private.Open(dirs.Run())
	if err != nil {
		return nil, err
	}
	return &Store{dirs, dir}, nil
}

// Create opens the cache of a home, and creates it if it is missing.
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

// Close closes the cache; nil is none.
func (s *Store) Close() {
	if s != nil {
		s.dir.Close()
	}
}

// unseal reads and opens a sealed file.
func (s *Store) unseal(name string) (openedFile, error) { return s.unsealAtMost(name, maxEntrySize) }

// unsealAtMost is unseal for a file of at most that many bytes.
func (s *Store) unsealAtMost(name string, limit int) (openedFile, error) {
	sealed, err := s.dir.Read(name, limit)
	if err != nil {
		return openedFile{}, ErrMiss
	}
	f, ok := s.dirs.open(name, sealed)
	if !ok {
		return f, ErrMiss
	}
	return f, nil
}

// entry decodes a subject's decrypted entry, which is in a slot or beside it.
func (s *Store) entry(profile, slot string, subject Subject, f openedFile) (*Entry, error) {
	if f.kind != kindEntry {
		return nil, ErrMiss
	}
	e, ok := decodeEntry(f.text)
	// The lock file must be this home's: another home's entry can be opened with that
	// home's key, which the same user can read.
	if !ok || e.Profile != profile || !s.dirs.isLockPath(e.Lock.Path, slot) || e.Lock.Inode == 0 || !e.Lock.True() {
		return nil, ErrMiss
	}
	e.Subject = subject
	return e, nil
}

// Current reports whether none of the files that the entry was made from has changed.
func (e *Entry) Current() bool { return allTrue(e.Stamps) }

// Put seals an entry for its profile and subject. The caller holds the profile's lock.
func (s *Store) Put(ctx context.Context, lock *Lock, e *Entry) error {
	if !e.fits() {
		return errors.New("the entry is too large for the cache")
	}
	e.Lock = stampOf(lock.Path())
	key, home, err := s.dirs.sealingKey(ctx, e)
	if err != nil {
		return err
	}
	defer wipe(key.key[:])
	if err := errors.Join(s.noteNarrowed(e.item()), s.makeRoomForNarrowed(e.item())); err != nil {
		return err
	}
	slot, left, err := s.claim(e, &key)
	if err != nil {
		return err
	}
	h := header{kind: kindEntry, home: home, expires: e.Expires}
	name := slot
	if len(e.Subject) > 0 {
		name = entryName(slot, &key, e.Subject)
		if err := s.makeRoom(slot+"-", name, mostSubjects); err != nil {
			return err
		}
		// Write the profile's own file first, so that no subject's entry exists without
		// it.
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
	if err := randomBytes(nonce[:]); err != nil {
		return err
	}
	sealed, err := key.seal(name, h, nonce, text)
	if err != nil {
		return err
	}
	return s.dir.Replace(name, sealed)
}

// Sweep removes unfinished files that killed processes left more than an hour ago (F1),
// and returns their number.
func (s *Store) Sweep(now time.Time) (removed int) {
	if dir, err := private.Find(s.dirs.Locks()); err == nil {
		defer dir.Close()
		removed = dir.Sweep(now)
	}
	return removed + s.dir.Sweep(now)
}

// Misplaced lists anything in the directories of the cache that is not a file.
func (s *Store) Misplaced() (paths []string) {
	dirs := []private.Dir{s.dir}
	if dir, err := private.Find(s.dirs.Locks()); err == nil {
		defer dir.Close()
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		names, _ := dir.Names()
		for _, name := range names {
			if !dir.IsFile(name) {
				paths = append(paths, dir.At(name))
			}
		}
	}
	return paths
}

// DropAll removes every entry with its reports of refusals, and every route, and
// invalidates every copy of an entry, including those of other places: credhelper lock
// and cache clear.
func (s *Store) DropAll() error {
	names, err := s.dir.Names()
	err = errors.Join(err, s.dirs.revokeAll())
	for _, name := range names {
		switch kind, _, _ := strings.Cut(name, "-"); kind {
		case "t", "x", "k", "r", "v", hostsFile, originsFile,
			"l", "home", "key": // of earlier releases, which had no directory of locks
			err = errors.Join(err, s.dir.Remove(name))
		}
	}
	return err
}
