package cache

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"
)

// A Subject is on whose behalf a profile's tokens are fetched, where that is read
// anew at each fetch: a token to be exchanged, or an assertion that somebody else
// signed, in variables and files. Two jobs of one machine that share a profile are
// two subjects, and neither may get the other's token.
//
// Each subject has an entry of its own, whose name holds a keyed hash of what was
// read. The file that has the name of the profile alone then holds no token but
// where to look, sealed as well: so the front can tell whose call this is.
type Subject []Proof

// Proof is one place that says who the subject is, and what was read there.
type Proof struct {
	Variable string   // environment variable; "" for a file
	File     Stamp    // of the file before it was read; Inode 0 if the stamp cannot show the next change
	Digest   [32]byte // SHA-256 of what was read
}

// mostSubjects is how many subjects' entries are kept for one profile.
const mostSubjects = 16

// ProofOfVariable is what a variable says now.
func ProofOfVariable(name, value string) Proof {
	return Proof{Variable: name, Digest: sha256.Sum256([]byte(value))}
}

// ProofOfFile is what a file said that was stamped at now and then read.
func ProofOfFile(stamp Stamp, trusted bool, content string) Proof {
	if !trusted {
		stamp = Stamp{Path: stamp.Path}
	}
	return Proof{File: stamp, Digest: sha256.Sum256([]byte(content))}
}

// Same reports whether both are one subject, however their files are stamped.
func (s Subject) Same(other Subject) bool {
	return slices.EqualFunc(s, other, func(a, b Proof) bool {
		return a.Variable == b.Variable && a.File.Path == b.File.Path && a.Digest == b.Digest
	})
}

// now is the subject by what the variables and files say now; false if a variable is
// not set or a file changed, so that it has to be read.
func (s Subject) now(env func(string) string) (Subject, bool) {
	current := slices.Clone(s)
	for i, p := range current {
		if p.Variable == "" {
			if p.File.Inode == 0 || !p.File.True() {
				return nil, false
			}
			continue
		}
		value := env(p.Variable)
		if value == "" {
			return nil, false
		}
		current[i] = ProofOfVariable(p.Variable, value)
	}
	return current, true
}

// entryName is the file of the entry that a profile has for a subject, whose hash is
// keyed with the key that the entry is sealed with; without a subject it is the
// profile's alone.
func entryName(profile string, sealed *sealingKey, s Subject) string {
	name := ProfileKey(profile).file('t')
	if len(s) == 0 {
		return name
	}
	hash := hmac.New(sha256.New, sealed.key[:])
	hash.Write([]byte("credhelper subject 1"))
	for _, p := range s {
		hash.Write(appendText(appendText(nil, p.Variable), p.File.Path))
		hash.Write(p.Digest[:])
	}
	return string(appendHex([]byte(name+"-"), hash.Sum(nil)[:16]))
}

// flagSubject marks the sealed file that says where to look; no entry has it.
const flagSubject = 1 << 7

func (s Subject) encode(profile string) []byte {
	b := appendText(append(make([]byte, 0, 512), flagSubject), profile)
	b = appendUint16(b, uint16(len(s)))
	for _, p := range s {
		b = append(appendText(b, p.Variable), p.Digest[:]...)
		b = appendStamps(b, []Stamp{p.File})
	}
	return b
}

// isSubject reports whether a text that was unsealed is a Subject, and no Entry.
func isSubject(text []byte) bool { return len(text) > 0 && text[0]&flagSubject != 0 }

func decodeSubject(profile string, text []byte) (Subject, bool) {
	s := scanner{rest: text}
	if s.uint8() != flagSubject || s.text() != profile {
		return nil, false
	}
	var subject Subject
	for range s.uint16() {
		p := Proof{Variable: s.text()}
		copy(p.Digest[:], s.take(len(p.Digest)))
		stamps := s.stamps()
		if len(stamps) != 1 {
			return nil, false
		}
		p.File = stamps[0]
		subject = append(subject, p)
	}
	return subject, s.done() && len(subject) > 0
}

// Find opens the entry that answers a call with this environment: the profile's, or
// that of the subject whom the variables and files name now. Whatever is wrong, a
// subject that has to be read anew included, the error is ErrMiss.
func (s *Store) Find(profile string, env func(string) string) (*Entry, error) {
	name := entryName(profile, nil, nil)
	text, key, err := s.unseal(name)
	if err != nil {
		return nil, err
	}
	if !isSubject(text) {
		return s.entry(profile, nil, text)
	}
	subject, ok := decodeSubject(profile, text)
	if ok {
		subject, ok = subject.now(env)
	}
	if !ok {
		return nil, ErrMiss
	}
	if text, _, err = s.unseal(entryName(profile, &key, subject)); err != nil {
		return nil, err
	}
	return s.entry(profile, subject, text)
}

// Get opens the entry of a profile for a subject, nil for one that has none. Whatever
// is wrong with it, the error is ErrMiss. The caller asks Usable or Fresh, and
// Current.
func (s *Store) Get(profile string, subject Subject) (*Entry, error) {
	text, key, err := s.unseal(entryName(profile, nil, nil))
	if err == nil && len(subject) > 0 {
		text, _, err = s.unseal(entryName(profile, &key, subject))
	}
	if err != nil || isSubject(text) {
		return nil, ErrMiss
	}
	return s.entry(profile, subject, text)
}

// Holds reports whether anything is sealed for the profile.
func (s *Store) Holds(profile string) bool {
	_, _, err := s.unseal(entryName(profile, nil, nil))
	return err == nil
}

// Drop removes the profile's entry for that subject and what was reported about it.
// The caller holds the profile's lock.
func (s *Store) Drop(profile string, subject Subject) error {
	name := entryName(profile, nil, nil)
	if len(subject) > 0 {
		_, key, err := s.unseal(name)
		if err != nil {
			return nil // nothing that could be opened
		}
		name = entryName(profile, &key, subject)
	}
	return errors.Join(s.dir.Remove(name), s.DropRejections(profile))
}

// DropProfile removes all the profile's entries and what was reported about them. The
// caller holds the profile's lock.
func (s *Store) DropProfile(profile string) error {
	base := entryName(profile, nil, nil)
	names := []string{base}
	if text, _, err := s.unseal(base); err != nil || isSubject(text) { // else spare the look at all others' names
		subjects, err := s.subjects(profile)
		if err != nil {
			return err
		}
		names = append(names, subjects...)
	}
	err := s.DropRejections(profile)
	for _, n := range names {
		err = errors.Join(err, s.dir.Remove(n))
	}
	return err
}

// subjects are the files of the profile's subjects.
func (s *Store) subjects(profile string) ([]string, error) {
	names, err := s.dir.Names()
	prefix := entryName(profile, nil, nil) + "-"
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) }), err
}

// makeRoom removes the oldest of a profile's subjects where there are too many for
// another one.
func (s *Store) makeRoom(profile, another string) error {
	names, err := s.subjects(profile)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == another })
	for len(names) >= mostSubjects {
		var oldest int
		var since time.Time
		for i, n := range names {
			if at, err := s.dir.Modified(n); err != nil || since.IsZero() || at.Before(since) {
				oldest, since = i, at
			}
		}
		if err := s.dir.Remove(names[oldest]); err != nil {
			return err
		}
		names = slices.Delete(names, oldest, oldest+1)
	}
	return nil
}
