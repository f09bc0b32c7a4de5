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

// mostSubjects is how many subjects' entries a place keeps for one profile.
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

// entryName is the file of the entry that a subject has beside a slot of its profile;
// the hash is keyed with the key that both are sealed with.
func entryName(slot string, sealed *sealingKey, s Subject) string {
	hash := hmac.New(sha256.New, sealed.key[:])
	hash.Write([]byte("credhelper subject 1"))
	for _, p := range s {
		hash.Write(appendText(appendText(nil, p.Variable), p.File.Path))
		hash.Write(p.Digest[:])
	}
	return string(appendHex([]byte(slot+"-"), hash.Sum(nil)[:16]))
}

func (s Subject) encode(profile string) []byte {
	b := appendText(make([]byte, 0, 512), profile)
	b = appendUint16(b, uint16(len(s)))
	for _, p := range s {
		b = append(appendText(b, p.Variable), p.Digest[:]...)
		b = appendStamps(b, []Stamp{p.File})
	}
	return b
}

func decodeSubject(profile string, text []byte) (Subject, bool) {
	s := scanner{rest: text}
	if s.text() != profile {
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

// subjects are the files of the subjects beside a slot.
func (s *Store) subjects(slot string) ([]string, error) {
	names, err := s.dir.Names()
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, slot+"-") }), err
}

// dropSubjects removes the entries of the subjects beside a slot.
func (s *Store) dropSubjects(slot string) error {
	names, err := s.subjects(slot)
	for _, n := range names {
		err = errors.Join(err, s.dir.Remove(n))
	}
	return err
}

// makeRoom removes the oldest of the subjects beside a slot where there are too many
// for another one.
func (s *Store) makeRoom(slot, another string) error {
	names, err := s.subjects(slot)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == another })
	for len(names) >= mostSubjects {
		oldest := s.oldest(names)
		if err := s.dir.Remove(names[oldest]); err != nil {
			return err
		}
		names = slices.Delete(names, oldest, oldest+1)
	}
	return nil
}

// oldest is the index of the file that was written first.
func (s *Store) oldest(names []string) (oldest int) {
	var since time.Time
	for i, n := range names {
		if at, err := s.dir.Modified(n); err != nil || since.IsZero() || at.Before(since) {
			oldest, since = i, at
		}
	}
	return oldest
}
