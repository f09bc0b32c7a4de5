package cache

import (
	"crypto/aes"
	"crypto/cipher"
)

// A sealed file is
//
//	magic "CRH3" | kind 1 | place 1 | serial 4 | home 16 | expires 8 | nonce 12 | AES-256-GCM
//
// Everything before the nonce, and the file's own name, are associated data: a file
// that was renamed, truncated, or changed in any byte does not open (T15). Place and
// serial say where the key is, so that it is found without a search; kind and expires
// are for processes without the key (slots.go).
const (
	sealMagic  = "CRH3"
	headerSize = len(sealMagic) + 1 + 1 + 4 + 16 + 8
	nonceSize  = 12
	tagSize    = 16
)

const (
	kindEntry   = 'E' // an Entry
	kindSubject = 'S' // a Subject: how to identify the subject
	kindHosts   = 'H' // Hosts
	kindOrigins = 'O' // Origins
	kindKept    = 'V' // a text of the engine's alone (kept.go)
)

// header is the part of a sealed file that can be read without the key.
type header struct {
	kind    byte
	place   place
	serial  int32
	home    [16]byte
	expires int64 // Unix seconds
}

func (h *header) append(b []byte) []byte {
	b = append(append(b, sealMagic...), h.kind, byte(h.place))
	b = append(b, byte(h.serial>>24), byte(h.serial>>16), byte(h.serial>>8), byte(h.serial))
	return appendUint64(append(b, h.home[:]...), uint64(h.expires))
}

// headerOf parses the header of a sealed file; false if the file cannot be ours.
func headerOf(sealed []byte) (h header, ok bool) {
	if len(sealed) < headerSize+nonceSize+tagSize || string(sealed[:len(sealMagic)]) != sealMagic {
		return h, false
	}
	s := scanner{rest: string(sealed[len(sealMagic):headerSize])}
	h.kind, h.place = s.uint8(), place(s.uint8())
	for range 4 {
		h.serial = h.serial<<8 | int32(s.uint8())
	}
	copy(h.home[:], s.take(len(h.home)))
	h.expires = int64(s.uint64())
	switch h.kind {
	case kindEntry, kindSubject, kindHosts, kindOrigins, kindKept:
		return h, true
	}
	return h, false
}

// sealingKey is the key of the sealed files and where it is kept.
type sealingKey struct {
	place  place
	serial int32 // of the kernel's key; 0 elsewhere
	key    [32]byte
}

func (k *sealingKey) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal encrypts text for the file called name. Place and serial in the header are those
// of the key.
func (k *sealingKey) seal(name string, h header, nonce [nonceSize]byte, text []byte) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	h.place, h.serial = k.place, k.serial
	out := h.append(make([]byte, 0, headerSize+nonceSize+len(text)+tagSize))
	additional := append(out[:headerSize:headerSize], name...)
	out = append(out, nonce[:]...)
	return aead.Seal(out, nonce[:], text, additional), nil
}

// open decrypts, in place, a file with a header that was sealed with this key under
// that name.
func (k *sealingKey) open(name string, sealed []byte) (text []byte, ok bool) {
	aead, err := k.aead()
	if err != nil {
		return nil, false
	}
	body := sealed[headerSize+nonceSize:]
	additional := append(append(sealed, sealed[:headerSize]...), name...)[len(sealed):]
	text, err = aead.Open(body[:0], sealed[headerSize:headerSize+nonceSize], body, additional)
	return text, err == nil
}

// openedFile is a decrypted sealed file.
type openedFile struct {
	header
	key  sealingKey
	text []byte
}

// open decrypts a sealed file with the key that its header names.
func (d Dirs) open(name string, sealed []byte) (f openedFile, ok bool) {
	if f.header, ok = headerOf(sealed); !ok {
		return f, false
	}
	f.key.place, f.key.serial = f.place, f.serial
	if !d.fetchKey(&f.key, f.home) {
		return f, false
	}
	f.text, ok = f.key.open(name, sealed)
	return f, ok
}
