package cache

import (
	"errors"
	"io/fs"
)

// A home can be shared by places that cannot open each other's sealed files: a host
// with a kernel keyring and a container without, or two machines and a file server.
// Each keeps its own token of a profile, in one of the profile's slots.
//
// A slot has no owner and its name has no key in it, because the front learns where the
// key is only from the file. It tries the slots in order; usually there is one. A new
// entry goes to the first slot that is its own or holds no valid token, so that entries
// whose key is gone, as after a restart, are replaced.
const mostSlots = 4

// slotName returns the name of a slot's file: t-KEY, t-KEY.2, t-KEY.3, t-KEY.4.
func slotName(item Item, i int) string {
	name := item.file('t')
	if i > 0 {
		name += "." + string(rune('1'+i))
	}
	return name
}

// Find returns the entry that answers a call with this environment: the item's, or
// that of the subject which the variables and files currently name. In any other case,
// including a subject that has to be read again, the error is ErrMiss.
func (s *Store) Find(item Item, env func(string) string) (*Entry, error) {
	return s.inSlots(item, func(slot string, f openedFile) (*Entry, error) {
		if f.kind == kindEntry {
			return s.entry(item.Profile, slot, nil, f)
		}
		subject, ok := decodeSubject(item.Profile, f.text)
		if ok {
			subject, ok = subject.now(env)
		}
		if !ok {
			return nil, ErrMiss
		}
		return s.subjectEntry(item.Profile, slot, subject, f)
	})
}

// Get returns the entry of an item for a subject, nil for a profile without subjects.
// Any error is ErrMiss. The caller checks Usable or Fresh, and Current.
func (s *Store) Get(item Item, subject Subject) (*Entry, error) {
	return s.inSlots(item, func(slot string, f openedFile) (*Entry, error) {
		if len(subject) == 0 {
			return s.entry(item.Profile, slot, nil, f)
		}
		return s.subjectEntry(item.Profile, slot, subject, f)
	})
}

// inSlots calls read for the slots that this place can open, until one succeeds, and
// returns its result.
func (s *Store) inSlots(item Item, read func(slot string, f openedFile) (*Entry, error)) (*Entry, error) {
	for i := range mostSlots {
		slot := slotName(item, i)
		f, err := s.unseal(slot)
		if err != nil {
			continue
		}
		if e, err := read(slot, f); err == nil {
			return e, nil
		}
	}
	return nil, ErrMiss
}

// subjectEntry opens a subject's entry beside a slot.
func (s *Store) subjectEntry(profile, slot string, subject Subject, f openedFile) (*Entry, error) {
	f, err := s.unseal(entryName(slot, &f.key, subject))
	if err != nil {
		return nil, err
	}
	return s.entry(profile, slot, subject, f)
}

// Holds reports whether any place has a sealed file for the profile.
func (s *Store) Holds(profile string) bool {
	for i := range mostSlots {
		if _, err := s.dir.Read(slotName(Whole(profile), i), maxEntrySize); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return s.hasNarrowed(profile)
}

// claim returns the slot for an entry, without the subjects of other places, and the
// slot that this place gives up for it, "" for none. The caller holds the profile's
// lock.
func (s *Store) claim(e *Entry, key *sealingKey) (slot, left string, err error) {
	var free string
	var taken []string
	for i := range mostSlots {
		name := slotName(e.item(), i)
		sealed, err := s.dir.Read(name, maxEntrySize)
		h, ok := headerOf(sealed)
		switch {
		case err == nil && ok && s.ours(e, name, key, sealed):
			if len(e.Subject) > 0 && h.kind == kindSubject {
				return name, "", nil // the other subjects' entries are beside it
			}
			if free == "" {
				return name, "", s.clear(name)
			}
			return free, name, errors.Join(s.clear(free), s.clear(name))
		case err == nil && ok && h.expires > e.Issued:
			taken = append(taken, name)
		case free == "":
			free = name
		}
	}
	if free == "" {
		free = taken[s.oldest(taken)]
	}
	return free, "", s.clear(free)
}

// ours reports whether an entry would replace the file in a slot: the key is the same,
// and so is the path of this home. It decrypts in place.
func (s *Store) ours(e *Entry, name string, key *sealingKey, sealed []byte) bool {
	h, _ := headerOf(sealed)
	text, ok := key.open(name, sealed)
	if !ok || h.kind == kindSubject {
		return ok
	}
	old, ok := decodeEntry(text)
	return ok && old.Lock.Path == e.Lock.Path
}

// clear removes the files beside a slot.
func (s *Store) clear(slot string) error {
	sealed, err := s.dir.Read(slot, maxEntrySize)
	if h, ok := headerOf(sealed); ok && h.kind == kindEntry || errors.Is(err, fs.ErrNotExist) {
		return nil // avoid listing the directory
	}
	return s.dropSubjects(slot)
}

// dropSlot removes the files beside a slot, then the slot.
func (s *Store) dropSlot(slot string) error {
	return errors.Join(s.clear(slot), s.dir.Remove(slot))
}

// Drop removes the item's entry for that subject and its reports of refusals. All
// entries of other places are removed, because their subjects cannot be read. The
// caller holds the profile's lock.
func (s *Store) Drop(item Item, subject Subject) error {
	err := s.DropRejections(item)
	for i := range mostSlots {
		slot := slotName(item, i)
		if f, e := s.unseal(slot); e == nil && f.kind == kindSubject && len(subject) > 0 {
			err = errors.Join(err, s.dir.Remove(entryName(slot, &f.key, subject)))
			continue
		}
		err = errors.Join(err, s.dropSlot(slot))
	}
	return err
}

// DropProfile removes all the profile's entries, of every place, and their reports of
// refusals. The caller holds the profile's lock.
func (s *Store) DropProfile(profile string) error {
	err := s.DropRejections(Whole(profile))
	for i := range mostSlots {
		err = errors.Join(err, s.dropSlot(slotName(Whole(profile), i)))
	}
	return errors.Join(err, s.DropNarrowed(profile))
}
