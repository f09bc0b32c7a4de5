package cache

import (
	"context"
	"errors"
	"slices"
)

// The file "origins" is only for the engine: it contains what each profile's file says
// about ownership, so that the engine reads only the files that have changed, and the
// owner's. It grows with the number of profiles, so the front does not read it.

// Origins contains what the files of all profiles said when they were last read.
type Origins struct {
	// Basis is a hash of the embedded presets that the files were read with.
	Basis [16]byte
	// Common are stamps of what any file may depend on: the settings, the directories
	// of presets, and the presets in them.
	Common []Stamp
	// Files are in ascending order of their profiles' names.
	Files []FileOrigins

	hosts [16]byte // generation of the Hosts that were made from them; zero for none
}

// FileOrigins contains what a profile's file said.
type FileOrigins struct {
	Profile  string
	Place    byte     // index of its directory: 0 is the user's
	Stamp    Stamp    // of the file, without its path; zero if it would not show a change
	Bundle   Stamp    // of the profile's own CA certificates; Path is "" if it has none
	Broken   bool     // it is not a valid profile
	Unread   bool     // it could not be read at all
	ByName   bool     // it claims none of its origins
	Origins  []string // canonical; if Broken, the keys of the hosts that it names
	Username string
	ClientID string
	// Variables are the environment variables from which the profile takes secrets.
	Variables []string
}

// Same reports whether both say the same of the same file.
func (f *FileOrigins) Same(other *FileOrigins) bool {
	return string(f.append(nil)) == string(other.append(nil))
}

// Claims reports whether both claim the same origins for the same users.
func (f *FileOrigins) Claims(other *FileOrigins) bool {
	return f.Broken == other.Broken && f.ByName == other.ByName && f.Username == other.Username && f.ClientID == other.ClientID && slices.Equal(f.Origins, other.Origins)
}

const (
	originsFile    = "origins"
	maxOriginsSize = 256 << 20 // bytes; some 200 for a profile
)

// Origins reads what was known of all profiles. ErrMiss says that nothing is.
func (s *Store) Origins() (*Origins, error) {
	f, err := s.unsealAtMost(originsFile, maxOriginsSize)
	if err != nil || f.kind != kindOrigins {
		return nil, ErrMiss
	}
	o, ok := decodeOrigins(f.text)
	if !ok {
		return nil, ErrMiss
	}
	return o, nil
}

// PutOrigins stores what is known of all profiles and, for the front, the keys of their
// hosts. hosts is nil if a change might not show. The origins are stored first, so that
// the work of a process that is killed in between is not lost. The hosts beside them are
// then of another generation, and RenewHosts refuses them.
func (s *Store) PutOrigins(ctx context.Context, o *Origins, hosts *Hosts, keys []string) error {
	key, home, err := s.dirs.sealingKey(ctx, nil)
	if err != nil {
		return err
	}
	defer wipe(key.key[:])
	if o.hosts = [16]byte{}; hosts != nil {
		if err := randomBytes(hosts.generation[:]); err != nil {
			return err
		}
		o.hosts = hosts.generation
	}
	err = s.putSealed(&key, header{kind: kindOrigins, home: home}, originsFile, o.encode())
	if err == nil && hosts != nil {
		err = s.putHosts(&key, home, hosts, keys)
	}
	return err
}

// DropOrigins forgets what is known of all profiles.
func (s *Store) DropOrigins() error {
	return errors.Join(s.dir.Remove(hostsFile), s.dir.Remove(bucketsFile), s.dir.Remove(originsFile))
}

func (o *Origins) encode() []byte {
	b := append(make([]byte, 0, 1024+256*len(o.Files)), o.Basis[:]...)
	b = append(b, o.hosts[:]...)
	b = appendStamps(b, o.Common)
	b = appendUint64(b, uint64(len(o.Files)))
	for i := range o.Files {
		b = o.Files[i].append(b)
	}
	return b
}

func (f *FileOrigins) append(b []byte) []byte {
	b = append(appendFlags(b, f.Broken, f.Unread, f.ByName), f.Place)
	for _, s := range [...]string{f.Profile, f.Username, f.ClientID} {
		b = appendText(b, s)
	}
	b = f.Bundle.append(f.Stamp.append(b))
	return appendTexts(appendTexts(b, f.Origins), f.Variables)
}

func decodeOrigins(text []byte) (*Origins, bool) {
	s := scanner{rest: string(text)}
	o := &Origins{}
	copy(o.Basis[:], s.take(len(o.Basis)))
	copy(o.hosts[:], s.take(len(o.hosts)))
	o.Common = s.stamps()
	n := s.uint64()
	if n > uint64(len(s.rest))/leastFileOrigins {
		return nil, false
	}
	o.Files = make([]FileOrigins, n)
	for i := range o.Files {
		o.Files[i] = s.fileOrigins()
	}
	return o, s.done()
}

// leastFileOrigins is the least that a file's origins take.
const leastFileOrigins = 2 + 3*2 + 2*leastStamp + 2*2

func (s *scanner) fileOrigins() (f FileOrigins) {
	s.flags(&f.Broken, &f.Unread, &f.ByName)
	f.Place = s.uint8()
	f.Profile, f.Username, f.ClientID = s.text(), s.text(), s.text()
	f.Stamp, f.Bundle = s.stamp(), s.stamp()
	f.Origins, f.Variables = s.texts(), s.texts()
	return f
}
