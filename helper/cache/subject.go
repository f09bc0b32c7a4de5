package cache

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"
)

// A Subject identifies on whose behalf a profile's tokens are fetched, if that is read
// at each fetch: from a token to be exchanged, or an assertion signed by another
// issuer, in variables and files. Two jobs on one machine that share a profile can be
// two subjects, and neither may get the other's token.
//
// Each subject has its own entry, whose file name has a keyed hash of the values read.
// The file named by the profile alone then has no token but the variables and files to
// read, sealed as well, so that the front can identify the caller's subject.
type Subject []Proof

// Proof is one variable or file that identifies the subject, and its value.
type Proof struct {
	Variable string   // environment variable; "" for a file
	File     Stamp    // of the file before it was read; Inode 0 if the stamp might not show the next change
	Digest   [32]byte // SHA-256 of the value
}

// mostSubjects is how many subjects' entries a place keeps for one profile.
const mostSubjects = 16

// ProofOfVariable returns the proof for a variable's current value.
func ProofOfVariable(name, value string) Proof {
	return Proof{Variable: name, Digest: sha256.Sum256([]byte(value))}
}

// ProofOfFile returns the proof for a file that was stamped and then read.
func ProofOfFile(stamp Stamp, trusted bool, content string) Proof {
	if !trusted {
		stamp = Stamp{Path: stamp.Path}
	}
	return Proof{File: stamp, Digest: sha256.Sum256([]byte(content))}
}

// Same reports whether both are the same subject, regardless of the stamps of their
// files.
func (s Subject) Same(other Subject) bool {
	return slices.EqualFunc(s, other, func(a, b Proof) bool {
		return a.Variable == b.Variable && a.File.Path == b.File.Path && a.Digest == b.Digest
	})
}

// now returns the subject that the variables and files currently identify; false if a
// variable is not set or a file has changed, so that it has to be read.
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

// entryName returns the name of a subject's entry beside a slot; its hash is keyed with
// the key that seals both files.
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
	s := scanner{rest: string(text)}
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

// filesWith lists the files whose names begin with prefix.
func (s *Store) filesWith(prefix string) ([]string, error) {
	names, err := s.dir.Names()
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) }), err
}

// dropSubjects removes the entries of the subjects beside a slot.
func (s *Store) dropSubjects(slot string) error {
	names, err := s.filesWith(slot + "-")
	for _, n := range names {
		err = errors.Join(err, s.dir.Remove(n))
	}
	return err
}

// makeRoom removes the oldest of the files whose names begin with prefix if there are
// too many for another one.
func (s *Store) makeRoom(prefix, another string, most int) error {
	names, err := s.filesWith(prefix)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == another })
	for len(names) >= most {
		oldest := s.oldest(names)
		if err := s.dir.Remove(names[oldest]); err != nil {
			return err
		}
		names = slices.Delete(names, oldest, oldest+1)
	}
	return nil
}

// oldest returns the index of the file that was written first.
func (s *Store) oldest(names []string) (oldest int) {
	var since time.Time
	for i, n := range names {
		if at, err := s.dir.Modified(n); err != nil || since.IsZero() || at.Before(since) {
			oldest, since = i, at
		}
	}
	return oldest
}
