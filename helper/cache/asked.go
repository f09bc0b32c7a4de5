package cache

// The tokens that were given to tools which cannot report a refusal and ask again only
// after one (protocol.Request.Asker). There is one file for each profile. It is only a
// hint, so it is written without a lock; losing it costs at most one more use of a
// refused token.

const (
	askedMagic = "CRK1"
	mostAsked  = 32 // maximum number of processes in a file
	maxAsked   = 4096
	askedSize  = 16 + 8 + 8
)

// Asked returns the mark of the token that the asker was given and that has not expired
// at now, in Unix seconds; "" if there is none.
func (s *Store) Asked(profile, asker string, now int64) string {
	key := KeyOf("asker", asker)
	for rest := s.asked(profile); len(rest) >= askedSize; rest = rest[askedSize:] {
		row := scanner{rest: string(rest[:askedSize])}
		if row.take(len(key)) == string(key[:]) {
			mark := row.take(8)
			if now < int64(row.uint64()) {
				return mark
			}
			return ""
		}
	}
	return ""
}

// asked returns the rows of a profile, the latest first.
func (s *Store) asked(profile string) []byte {
	content, err := s.dir.Read(ProfileKey(profile).file('k'), maxAsked)
	if err != nil || len(content) < len(askedMagic) || string(content[:len(askedMagic)]) != askedMagic {
		return nil
	}
	return content[len(askedMagic):]
}

// PutAsked records which token the asker was given, by its mark of eight bytes, and
// when it expires.
func (s *Store) PutAsked(profile, asker, mark string, expires int64) error {
	key := KeyOf("asker", asker)
	b := append(append(append(make([]byte, 0, 512), askedMagic...), key[:]...), mark...)
	b = appendUint64(b, uint64(expires))
	for rest := s.asked(profile); len(rest) >= askedSize && len(b) < mostAsked*askedSize; rest = rest[askedSize:] {
		if string(rest[:len(key)]) != string(key[:]) {
			b = append(b, rest[:askedSize]...)
		}
	}
	return s.dir.Replace(ProfileKey(profile).file('k'), b)
}
