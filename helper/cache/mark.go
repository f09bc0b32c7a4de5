package cache

// Mark records, for all processes, that the server refused, asked to wait or failed, so
// that a loop with a bad secret does not lock out an account and a server in trouble is
// not asked again too soon (A11, A12).
type Mark struct {
	Binding [32]byte // of the profile; the mark is void for another binding
	Secret  uint16   // SecretMark of the refused secret; 0 for a wait
	At      int64    // Unix seconds of the response
	Until   int64    // Unix seconds until which no process asks again
	Count   uint16   // consecutive responses of this kind
	Refused bool     // the server refused permanently; otherwise it is a wait
	Asked   bool     // the server asked for the wait and its duration
	Ahead   bool     // applies only to callers that have a valid token (A23)
	Rotate  bool     // another secret may help
	Reason  string   // the sanitized error that was shown
	Hint    string   // the advice that was shown
}

const (
	markMagic   = "CRM2"
	maxMarkSize = 4096 // bytes
)

// SecretMark returns 15 bits of a hash of a secret, never 0: enough to notice that
// another secret was stored, too few to find the secret by trial.
func SecretMark(profile, secret string) uint16 {
	k := KeyOf("secret mark", profile, secret)
	return uint16(k[0])<<8 | uint16(k[1]) | 1
}

// Mark reads the profile's mark; false if there is none that can be read.
func (s *Store) Mark(profile string) (Mark, bool) {
	content, err := s.dir.Read(ProfileKey(profile).file('m'), maxMarkSize)
	if err != nil {
		return Mark{}, false
	}
	return decodeMark(profile, content)
}

// PutMark stores the profile's mark. The caller holds the profile's lock.
func (s *Store) PutMark(profile string, m Mark) error {
	const longest = 1024
	m.Reason = m.Reason[:min(len(m.Reason), longest)]
	m.Hint = m.Hint[:min(len(m.Hint), longest)]
	return s.dir.Replace(ProfileKey(profile).file('m'), m.encode(profile))
}

// DropMark removes the profile's mark, because the secret or the profile has changed,
// or because a person wants to try again.
func (s *Store) DropMark(profile string) error {
	return s.dir.Remove(ProfileKey(profile).file('m'))
}

func (m *Mark) encode(profile string) []byte {
	b := append(make([]byte, 0, 256), markMagic...)
	b = appendText(b, profile)
	b = append(b, m.Binding[:]...)
	b = appendUint16(b, m.Secret)
	b = appendUint64(b, uint64(m.At))
	b = appendUint64(b, uint64(m.Until))
	b = appendUint16(b, m.Count)
	b = appendFlags(b, m.Refused, m.Asked, m.Ahead, m.Rotate)
	return appendText(appendText(b, m.Reason), m.Hint)
}

func decodeMark(profile string, content []byte) (Mark, bool) {
	s := scanner{rest: string(content)}
	if s.take(len(markMagic)) != markMagic || s.text() != profile {
		return Mark{}, false
	}
	var m Mark
	copy(m.Binding[:], s.take(len(m.Binding)))
	m.Secret = s.uint16()
	m.At = int64(s.uint64())
	m.Until = int64(s.uint64())
	m.Count = s.uint16()
	s.flags(&m.Refused, &m.Asked, &m.Ahead, &m.Rotate)
	m.Reason = s.text()
	m.Hint = s.text()
	return m, s.done()
}
