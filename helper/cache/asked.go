package cache

// What was given to tools that have no words for a refusal and only ask again if there
// was one (protocol.Request.Asker). One file for each profile; it is only a hint, so it
// is written without a lock, and what is lost costs nothing but a refused token more.

const (
	askedMagic = "CRK1"
	mostAsked  = 32 // processes that are remembered
	maxAsked   = 4096
	askedSize  = 16 + 8 + 8
)

// Asked is the mark of the token that the asker was given and that has not ended at now,
// Unix seconds; "" if there is none.
func (s *Store) Asked(profile, asker string, now int64) string {
	key := KeyOf("asker", asker)
	for rest := s.asked(profile); len(rest) >= askedSize; rest = rest[askedSize:] {
		row := scanner{rest: rest[:askedSize]}
		if string(row.take(len(key))) == string(key[:]) {
			mark := string(row.take(8))
			if now < int64(row.uint64()) {
				return mark
			}
			return ""
		}
	}
	return ""
}

// asked are the rows of a profile, the latest first.
func (s *Store) asked(profile string) []byte {
	content, err := s.dir.Read(ProfileKey(profile).file('k'), maxAsked)
	if err != nil || len(content) < len(askedMagic) || string(content[:len(askedMagic)]) != askedMagic {
		return nil
	}
	return content[len(askedMagic):]
}

// PutAsked notes which token the asker was given, by its mark of eight bytes, and when
// that ends.
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
