package cache

import (
	"errors"
	"io/fs"
)

// A home is shared by places that cannot open what the others sealed: a host that has
// the kernel's keyring and a container that has not, or two machines and one file
// server. Each keeps its own token of a profile, in a slot of the profile.
//
// A slot has no owner and its name no key: the front cannot know its key before it
// reads where that is. It tries the slots in order, and mostly there is one. Who puts
// an entry takes the first slot that is its own or holds nothing alive, so that
// entries of keys that are gone, after a restart, make way.
const mostSlots = 4

// slotName is the file of a slot: t-KEY, t-KEY.2, t-KEY.3, t-KEY.4.
func slotName(profile string, i int) string {
	name := ProfileKey(profile).file('t')
	if i > 0 {
		name += "." + string(rune('1'+i))
	}
	return name
}

// Find opens the entry that answers a call with this environment: the profile's, or
// that of the subject whom the variables and files name now. Whatever is wrong, a
// subject that has to be read anew included, the error is ErrMiss.
func (s *Store) Find(profile string, env func(string) string) (*Entry, error) {
	return s.inSlots(profile, func(slot string, f opened) (*Entry, error) {
		if f.kind == kindEntry {
			return s.entry(profile, nil, f)
		}
		subject, ok := decodeSubject(profile, f.text)
		if ok {
			subject, ok = subject.now(env)
		}
		if !ok {
			return nil, ErrMiss
		}
		return s.subjectEntry(profile, slot, subject, f)
	})
}

// Get opens the entry of a profile for a subject, nil for one that has none. Whatever
// is wrong with it, the error is ErrMiss. The caller asks Usable or Fresh, and
// Current.
func (s *Store) Get(profile string, subject Subject) (*Entry, error) {
	return s.inSlots(profile, func(slot string, f opened) (*Entry, error) {
		if len(subject) == 0 {
			return s.entry(profile, nil, f)
		}
		return s.subjectEntry(profile, slot, subject, f)
	})
}

// inSlots is what read makes of the first slot that this place can open and read.
func (s *Store) inSlots(profile string, read func(slot string, f opened) (*Entry, error)) (*Entry, error) {
	for i := range mostSlots {
		slot := slotName(profile, i)
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

// subjectEntry opens the subject's entry beside a slot that was opened.
func (s *Store) subjectEntry(profile, slot string, subject Subject, f opened) (*Entry, error) {
	f, err := s.unseal(entryName(slot, &f.key, subject))
	if err != nil {
		return nil, err
	}
	return s.entry(profile, subject, f)
}

// Holds reports whether anything is sealed for the profile, by whomever.
func (s *Store) Holds(profile string) bool {
	for i := range mostSlots {
		if _, err := s.dir.Read(slotName(profile, i), maxEntrySize); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// claim is the slot that an entry goes to, free of others' subjects, and the slot
// that this place leaves for it, "" for none. The caller holds the profile's lock.
func (s *Store) claim(e *Entry, key *sealingKey) (slot, left string, err error) {
	var free string
	var taken []string
	for i := range mostSlots {
		name := slotName(e.Profile, i)
		sealed, err := s.dir.Read(name, maxEntrySize)
		h, ok := headerOf(sealed)
		switch {
		case err == nil && ok && s.ours(e, name, key, sealed):
			if len(e.Subject) > 0 && h.kind == kindSubject {
				return name, "", nil // the other subjects' entries lie beside it
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

// ours reports whether an entry would replace what is sealed in a slot: the key is
// the same, and so is the way to this home. It decrypts in place.
func (s *Store) ours(e *Entry, name string, key *sealingKey, sealed []byte) bool {
	h, _ := headerOf(sealed)
	text, ok := key.open(name, sealed)
	if !ok || h.kind == kindSubject {
		return ok
	}
	old, ok := decodeEntry(text)
	return ok && old.Lock.Path == e.Lock.Path
}

// clear removes what lies beside a slot.
func (s *Store) clear(slot string) error {
	sealed, err := s.dir.Read(slot, maxEntrySize)
	if h, ok := headerOf(sealed); ok && h.kind == kindEntry || errors.Is(err, fs.ErrNotExist) {
		return nil // spare the look at all others' names
	}
	return s.dropSubjects(slot)
}

// dropSlot removes what lies beside a slot, then the slot.
func (s *Store) dropSlot(slot string) error {
	return errors.Join(s.clear(slot), s.dir.Remove(slot))
}

// Drop removes the profile's entry for that subject and what was reported about it.
// Of the other places' entries, whose subjects cannot be known, all go. The caller
// holds the profile's lock.
func (s *Store) Drop(profile string, subject Subject) error {
	err := s.DropRejections(profile)
	for i := range mostSlots {
		slot := slotName(profile, i)
		if f, e := s.unseal(slot); e == nil && f.kind == kindSubject && len(subject) > 0 {
			err = errors.Join(err, s.dir.Remove(entryName(slot, &f.key, subject)))
			continue
		}
		err = errors.Join(err, s.dropSlot(slot))
	}
	return err
}

// DropProfile removes all the profile's entries, of every place, and what was
// reported about them. The caller holds the profile's lock.
func (s *Store) DropProfile(profile string) error {
	err := s.DropRejections(profile)
	for i := range mostSlots {
		err = errors.Join(err, s.dropSlot(slotName(profile, i)))
	}
	return err
}
