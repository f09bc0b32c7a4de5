package pool

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"

	"github.com/credhelper/credhelper/protocol/secret"
)

// Keys are the keys of a pool as one host has them.
type Keys struct {
	sealing [32]byte           // of tokens and names
	public  ed25519.PublicKey  // of the keepers
	private ed25519.PrivateKey // nil for a reader

	mu       sync.Mutex
	verified [32]byte // digest of the value that was verified last
}

// The words before the keys, in base64url, so that one is not taken for the other.
const (
	keeperWord = "credhelper-pool-keeper-1-" // the seed of the signing key and the sealing key
	readerWord = "credhelper-pool-reader-1-" // the public key and the sealing key
)

// NewKeys makes the keys of a new pool: the one for keepers and the one for readers.
func NewKeys() (keeper, reader secret.Text, err error) {
	var b [64]byte
	if _, err := rand.Read(b[:]); err != nil {
		return keeper, reader, err
	}
	public := ed25519.NewKeyFromSeed(b[:32]).Public().(ed25519.PublicKey)
	keeper = secret.New(keeperWord + base64.RawURLEncoding.EncodeToString(b[:]))
	reader = secret.New(readerWord + base64.RawURLEncoding.EncodeToString(append(public[:32:32], b[32:]...)))
	return keeper, reader, nil
}

// ReadKeys reads a keeper's or a reader's key. The error does not quote it.
func ReadKeys(text secret.Text) (*Keys, error) {
	rest, isKeeper := strings.CutPrefix(text.Reveal(), keeperWord)
	if !isKeeper {
		var isReader bool
		if rest, isReader = strings.CutPrefix(text.Reveal(), readerWord); !isReader {
			return nil, errors.New("is none that credhelper pool key makes")
		}
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil || len(b) != 64 || strings.ContainsAny(rest, "\r\n") {
		return nil, errors.New("is damaged: it has not the length that credhelper pool key gives it")
	}
	k := &Keys{public: ed25519.PublicKey(b[:32])}
	if isKeeper {
		k.private = ed25519.NewKeyFromSeed(b[:32])
		k.public = k.private.Public().(ed25519.PublicKey)
	}
	copy(k.sealing[:], b[32:])
	return k, nil
}

// CanSign reports whether these are a keeper's.
func (k *Keys) CanSign() bool { return k.private != nil }

// Check returns the check value by which hosts notice that their keys differ. It says
// nothing about the key.
func (k *Keys) Check() string { return hex.EncodeToString(k.derive("check", k.public)[:8]) }

// Fingerprint names a token in the logs of all hosts. It is useless for testing tokens
// without the key.
func (k *Keys) Fingerprint(token secret.Text) string {
	return hex.EncodeToString(k.derive("fingerprint", []byte(token.Reveal()))[:4])
}

// name returns the name in the store for what hosts want the token of.
func (k *Keys) name(digest [32]byte) string {
	return hex.EncodeToString(k.derive("name", digest[:])[:16])
}

// verify reports whether a keeper signed a text. One that was just verified is not
// verified again, which would take 70 µs.
func (k *Keys) verify(text, signature []byte) bool {
	digest := sha256.Sum256(append(text[:len(text):len(text)], signature...))
	k.mu.Lock()
	defer k.mu.Unlock()
	if digest == k.verified {
		return true
	}
	if !ed25519.Verify(k.public, text, signature) {
		return false
	}
	k.verified = digest
	return true
}

// derive is a pseudorandom function of the sealing key, for a purpose.
func (k *Keys) derive(purpose string, of []byte) []byte {
	mac := hmac.New(sha256.New, k.sealing[:])
	mac.Write(append([]byte(purpose), 0))
	mac.Write(of)
	return mac.Sum(nil)
}
