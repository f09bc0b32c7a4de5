package pool

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"

	"github.com/credhelper/credhelper/protocol/secret"
)

// A value in a store is
//
//	magic "CRP" | version 1 | kind 1 | number 8 | made 8 | life 8 | nonce 12 | AES-256-GCM | Ed25519 64
//
// Whatever the version, a value begins with the magic, and ends with a keeper's signature:
// so an older release knows a value that it cannot read from one that is damaged.
// Numbers and times are in microseconds, made by the store's clock. What comes before
// the nonce, and the name, are associated data, and the signature covers the name and all
// that comes before it. So a value that was changed in any byte, or put under another
// name, or made by a reader, does not open; and neither does one that is given a longer
// life.
const (
	magic      = "CRP"
	headerSize = len(magic) + 2 + 3*8
	nonceSize  = 12
	// maxValue is the most bytes of a value: a token has at most 16 KiB.
	maxValue = 32 << 10
	// latest is the last time, and the last number, that counts: in the year 2112. In
	// nanoseconds, twice as much is still an int64.
	latest = 1 << 52
)

const (
	kindEntry = 'E' // token, host
	kindMark  = 'M' // a Mark
	kindNote  = 'N' // a line of the pool's log
)

// content is what a value says, once it is opened.
type content struct {
	kind               byte
	number, made, life int64
	fields             []string
}

// seal encrypts and signs a value for a name, which only keepers can.
func (k *Keys) seal(name string, v content) ([]byte, error) {
	if !k.CanSign() {
		return nil, errors.New("a reader cannot sign")
	}
	b := append(append(make([]byte, 0, 512), magic...), '0'+Version, v.kind)
	for _, n := range [...]int64{v.number, v.made, v.life} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	var nonce [nonceSize]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	header := b[:headerSize:headerSize]
	b = aead.Seal(append(b, nonce[:]...), nonce[:], JoinFields(v.fields), associated(name, header))
	return append(b, ed25519.Sign(k.private, associated(name, b))...), nil
}

// errNotOurs is the error for a value that is not of this name or kind, or that no keeper
// made: it is as if it were not there.
var errNotOurs = errors.New("not a value of this pool")

// open verifies and decrypts a value of a kind. Its error is errNotOurs, or says that a
// newer release made it.
func (k *Keys) open(name string, kind byte, b []byte) (v content, err error) {
	body, signature, ok := signed(b)
	if !ok || !k.verify(associated(name, body), signature) {
		return v, errNotOurs
	}
	if version := body[len(magic)]; version > '0'+Newest {
		return v, WrongVersion(string(rune(version)))
	}
	if len(body) < headerSize+nonceSize || body[len(magic)+1] != kind {
		return v, errNotOurs
	}
	aead, err := k.aead()
	if err != nil {
		return v, err
	}
	header, nonce := body[:headerSize], body[headerSize:headerSize+nonceSize]
	text, err := aead.Open(nil, nonce, body[headerSize+nonceSize:], associated(name, header))
	if err != nil {
		return v, errNotOurs
	}
	v.kind = kind
	for i, n := range [...]*int64{&v.number, &v.made, &v.life} {
		*n = int64(binary.BigEndian.Uint64(header[len(magic)+2+8*i:]))
	}
	if v.fields, ok = SplitFields[string](text); !ok || !v.sane() {
		return v, errNotOurs
	}
	return v, nil
}

// signed divides a value of any version into what is signed and the signature.
func signed(b []byte) (body, signature []byte, ok bool) {
	end := len(b) - ed25519.SignatureSize
	if end <= len(magic) || len(b) > maxValue || string(b[:len(magic)]) != magic || b[len(magic)] < '1' || b[len(magic)] > '9' {
		return nil, nil, false
	}
	return b[:end], b[end:], true
}

// JoinFields returns fields of less than 64 KiB, each behind its length in two bytes.
func JoinFields[T string | []byte](fields []T) (text []byte) {
	for _, f := range fields {
		text = append(binary.BigEndian.AppendUint16(text, uint16(len(f))), f...)
	}
	return text
}

// SplitFields returns the fields of a text from JoinFields; false if it is damaged.
func SplitFields[T string | []byte](text []byte) (fields []T, ok bool) {
	for len(text) > 0 {
		if len(text) < 2 || len(text)-2 < int(binary.BigEndian.Uint16(text)) {
			return nil, false
		}
		n := 2 + int(binary.BigEndian.Uint16(text))
		fields, text = append(fields, T(text[2:n:n])), text[n:]
	}
	return fields, true
}

// sane reports whether a value's times can be added and be made a time.Duration.
func (v content) sane() bool {
	return v.number > 0 && v.made > 0 && v.made <= latest && v.life >= 0 && v.life <= latest
}

func (k *Keys) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.derive("values", nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// associated is the name with what was written under it.
func associated(name string, b []byte) []byte {
	return append(append([]byte("credhelper pool\x00"+name), 0), b...)
}

// Mark holds all hosts back after a server has refused, or asked to wait. It is for
// hosts with this secret only; a wait is for all.
type Mark struct {
	Secret  uint16 // SecretMark of the refused secret; 0 for a wait
	Count   uint16 // consecutive responses of this kind
	Refused bool   // the server refused permanently; otherwise it is a wait
	Asked   bool   // the server asked for the wait and its duration
	Reason  string // one printable line, as on the host that was told
	Hint    string
	By      string // that host

	Age, Rest int64 // in seconds: since it was made, and until it ends; not stored
}

// SecretMark returns 15 bits of a hash of a secret, never 0, that are the same on all
// hosts: enough to notice that a host has another secret, too few to find it by trial.
func (k *Keys) SecretMark(shown secret.Text) uint16 {
	return binary.BigEndian.Uint16(k.derive("secret mark", []byte(shown.Reveal()))) | 1
}

func (m *Mark) fields() []string {
	const longest = 1024
	flags := "-"
	switch {
	case m.Refused:
		flags = "R"
	case m.Asked:
		flags = "A"
	}
	numbers := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, m.Secret), m.Count)
	return []string{flags, string(numbers), m.Reason[:min(len(m.Reason), longest)], m.Hint[:min(len(m.Hint), longest)], m.By}
}

func readMark(fields []string) (m Mark, ok bool) {
	if len(fields) != 5 || len(fields[1]) != 4 {
		return m, false
	}
	numbers := []byte(fields[1])
	m = Mark{Secret: binary.BigEndian.Uint16(numbers), Count: binary.BigEndian.Uint16(numbers[2:]),
		Refused: fields[0] == "R", Asked: fields[0] == "A", Reason: fields[2], Hint: fields[3], By: fields[4]}
	return m, true
}
