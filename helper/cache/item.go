package cache

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// Item identifies a token in the cache: a profile's whole token, or one for the part of
// it that requests are narrowed to. Each has an entry of its own, with its own reports
// of refusals, in files whose names have a hash of the narrowing. The lock is the
// profile's, so revoking the profile's tokens revokes all of them.
type Item struct {
	Profile string
	protocol.Narrowing
}

// Whole returns the item of a profile's whole token.
func Whole(profile string) Item { return Item{Profile: profile} }

// narrowed reports whether it is only a part of what the profile allows.
func (i Item) narrowed() bool { return i.Narrowing != protocol.Narrowing{} }

// file returns the name of the item's file of one kind ('t', 'x').
func (i Item) file(kind byte) string {
	name := ProfileKey(i.Profile).file(kind)
	if i.narrowed() {
		name += narrowMark + KeyOf("narrowing", i.Scope, i.Audience).String()
	}
	return name
}

const (
	// narrowMark separates the profile's part of a file name from that of the narrowing.
	narrowMark = "+"

	// mostNarrowed is how many files of narrowed tokens a profile has.
	mostNarrowed = 64
)

// noteNarrowed records that a profile has files of narrowed items, so that others need
// not list the directory to see that there are none.
func (s *Store) noteNarrowed(i Item) error {
	if !i.narrowed() || s.hasNarrowed(i.Profile) {
		return nil
	}
	return s.dir.Replace(ProfileKey(i.Profile).file('n'), nil)
}

func (s *Store) hasNarrowed(profile string) bool {
	_, err := s.dir.Read(ProfileKey(profile).file('n'), 1)
	return !errors.Is(err, fs.ErrNotExist)
}

// narrowedFiles lists the files of one kind of a profile's narrowed items.
func (s *Store) narrowedFiles(profile string, kind byte) ([]string, error) {
	if !s.hasNarrowed(profile) {
		return nil, nil
	}
	return s.filesWith(ProfileKey(profile).file(kind) + narrowMark)
}

// Narrowed returns the narrowed entries of a profile that this place can open, whatever
// their subjects. Those that have expired are among them.
func (s *Store) Narrowed(profile string) (list []*Entry) {
	names, _ := s.narrowedFiles(profile, 't')
	for _, name := range names {
		if f, err := s.unseal(name); err == nil {
			if e, err := s.entry(profile, name, nil, f); err == nil {
				list = append(list, e)
			}
		}
	}
	return list
}

// DropNarrowed removes the narrowed entries of a profile with their reports of refusals,
// of every place. The caller holds the profile's lock.
func (s *Store) DropNarrowed(profile string) error {
	var failed error
	for _, kind := range [...]byte{'t', 'x'} {
		names, err := s.narrowedFiles(profile, kind)
		failed = errors.Join(failed, err)
		for _, name := range names {
			failed = errors.Join(failed, s.dir.Remove(name))
		}
	}
	if failed != nil || !s.hasNarrowed(profile) {
		return failed
	}
	return s.dir.Remove(ProfileKey(profile).file('n'))
}

// makeRoomForNarrowed removes the oldest files of narrowed tokens if a profile has too
// many for another one.
func (s *Store) makeRoomForNarrowed(i Item) error {
	if !i.narrowed() {
		return nil
	}
	prefix, _, _ := strings.Cut(i.file('t'), narrowMark)
	return s.makeRoom(prefix+narrowMark, i.file('t'), mostNarrowed)
}
