package cache

import (
	"crypto/aes"
	"crypto/cipher"
)

// A sealed file is
//
//	magic "CRH2" | place 1 | serial 4 | home 16 | nonce 12 | AES-256-GCM
//
// All before the nonce, and the file's own name, are associated data: a file
// that was renamed, cut, or changed in any octet does not open (T15). Place and
// serial say where the key is, so that opening needs no search.
const (
	sealMagic  = "CRH2"
	headerSize = len(sealMagic) + 1 + 4 + 16
	nonceSize  = 12
	tagSize    = 16
)

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

// seal encrypts text for the file called name in the home of that id.
func (k *sealingKey) seal(name string, home [16]byte, nonce [nonceSize]byte, text []byte) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, headerSize+nonceSize+len(text)+tagSize)
	out = append(out, sealMagic...)
	out = append(out, byte(k.place), byte(k.serial>>24), byte(k.serial>>16), byte(k.serial>>8), byte(k.serial))
	out = append(out, home[:]...)
	additional := append(out[:headerSize:headerSize], name...)
	out = append(out, nonce[:]...)
	return aead.Seal(out, nonce[:], text, additional), nil
}

// open decrypts sealed, in place, with the key that its header names, and returns
// that key.
func (d Dirs) open(name string, sealed []byte) (text []byte, key sealingKey, ok bool) {
	if len(sealed) < headerSize+nonceSize+tagSize || string(sealed[:len(sealMagic)]) != sealMagic {
		return nil, key, false
	}
	s := scanner{rest: sealed[len(sealMagic):]}
	key.place = place(s.uint8())
	for range 4 {
		key.serial = key.serial<<8 | int32(s.uint8())
	}
	home := [16]byte(s.take(16))
	if !d.fetchKey(&key, home) {
		return nil, key, false
	}
	aead, err := key.aead()
	if err != nil {
		return nil, key, false
	}
	additional := append(sealed[:headerSize:headerSize], name...)
	body := sealed[headerSize+nonceSize:]
	text, err = aead.Open(body[:0], sealed[headerSize:headerSize+nonceSize], body, additional)
	return text, key, err == nil
}
