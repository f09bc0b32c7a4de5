// Package keyring keeps long-lived secrets: client secrets, private keys and
// refresh tokens, each under an opaque key.
//
// The file keyring (files of age, see File) is here, and so are the sources
// that stand in for a keyring (see Source). The backends that a desktop brings
// are in package desktop, because merely importing the library behind them
// talks to D-Bus; whoever opens a keyring composes both.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Keyring keeps long-lived secrets under opaque keys.
//
// Every implementation refuses a key that ValidKey refuses, an empty value and
// a value longer than MaxSecret, before its backend sees them. All of them
// pass the one suite of package keyringtest.
type Keyring interface {
	// Get returns the secret under key, or ErrNotFound.
	Get(ctx context.Context, key string) (secret.Text, error)
	// Set stores value under key, in place of what was there.
	Set(ctx context.Context, key string, value secret.Text) error
	// Delete removes key; it is no error when there is none.
	Delete(ctx context.Context, key string) error
	// Names lists the keys that are ours, in ascending order.
	Names(ctx context.Context) ([]string, error)
}

// What can be wrong with a keyring, matched by errors.Is. An error wraps one
// of them with what happened and to what, and never holds a secret.
var (
	// ErrNotFound: the keyring answers and has no such secret.
	ErrNotFound = errors.New("no such secret")
	// ErrLocked: the secret may be there, but somebody has to unlock first.
	ErrLocked = errors.New("the keyring is locked")
	// ErrUnavailable: the keyring does not answer, refuses, or is not there.
	ErrUnavailable = errors.New("the keyring is not available")
	// ErrUnsafe: an owner, a mode or a link would let somebody else read or
	// replace a secret. Nothing is mended on the way: who opened it up may
	// have read it already, and a person should know.
	ErrUnsafe = private.ErrUnsafe
	// ErrDamaged: what is stored cannot be what was stored. It is left in
	// place, for a backup to be compared with.
	ErrDamaged = errors.New("damaged")
	// ErrInvalid: the key, the value or the setting cannot be right.
	ErrInvalid = errors.New("invalid")
)

// Prefix starts every key. In a desktop's collection, and in the kernel, our
// secrets lie beside those of other programs, which are found by name alone.
const Prefix = "credhelper-"

// maxKeyDigits bounds what follows Prefix: twice a SHA-512 in hexadecimal
// would not fit, the digest itself does.
const maxKeyDigits = 128

// MaxSecret is the longest secret, in bytes. The longest thing that is a
// secret in this trade, a certificate chain with its key, is well below.
const MaxSecret = 64 << 10

// ValidKey reports whether key is Prefix and 1 to 128 lower-case hexadecimal
// digits. Keys become names of files (file, pass), arguments of programs
// (pass) and attributes of a search (secret-service): with this grammar there
// is nothing in them to misread (security.md T18).
func ValidKey(key string) bool {
	digits, ours := strings.CutPrefix(key, Prefix)
	if !ours || len(digits) == 0 || len(digits) > maxKeyDigits {
		return false
	}
	return isHex(digits)
}

// isHex reports whether s has lower-case hexadecimal digits only.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// CheckKey is ValidKey as an error, for backends. It does not repeat the key,
// which may hold anything.
func CheckKey(key string) error {
	if !ValidKey(key) {
		return fmt.Errorf("%w: a key is %q and up to %d hexadecimal digits", ErrInvalid, Prefix, maxKeyDigits)
	}
	return nil
}

// CheckSet reports whether a backend may store value under key.
func CheckSet(key string, value secret.Text) error {
	switch {
	case value.IsZero():
		return fmt.Errorf("%w: an empty secret is not stored", ErrInvalid)
	case value.Len() > MaxSecret:
		return fmt.Errorf("%w: a secret of %d bytes; at most %d are stored", ErrInvalid, value.Len(), MaxSecret)
	}
	return CheckKey(key)
}

// Backend describes a place where secrets can be kept.
type Backend struct {
	// Name is how the configuration and "keyring use" call it.
	Name string
	// Title is how people call it.
	Title string
	// Volatile says that it forgets at the end of the machine's uptime, so it
	// has to be asked for in so many words.
	Volatile bool
	// MaxValue is the longest value it takes, in bytes; 0 is no limit below
	// MaxSecret. SealOversize keeps the rest elsewhere.
	MaxValue int
	// InPlace says that it writes in place, so readers have to wait for writers.
	InPlace bool
	// Desktop says that package desktop opens it; File is opened here.
	Desktop bool
	// Bus says that it lies on the session bus.
	Bus bool
}

// Backends lists every backend, once. A new one is a row here and a file: in
// this package, or in desktop with its opener.
var Backends = [...]Backend{
	{Name: "file", Title: "encrypted file (age)"},
	{Name: "secret-service", Title: "desktop keyring (Secret Service)", Desktop: true, Bus: true},
	{Name: "pass", Title: "password store (pass)", InPlace: true, Desktop: true},
	// The kernel takes 32,767 bytes a key, but gives an ordinary user 20,000
	// bytes for all keys of all programs (/proc/sys/kernel/keys/maxbytes).
	{Name: "keyctl", Title: "kernel keyring", Volatile: true, MaxValue: 1024, Desktop: true},
	// Places of the backends to come: keychain (through /usr/bin/security on stdin,
	// without cgo), wincred (MaxValue 2,560, less what DPAPI adds). KWallet needs no
	// row: it answers for the Secret Service.
}

// BackendNamed finds a row of Backends.
func BackendNamed(name string) (Backend, bool) {
	for _, b := range Backends {
		if b.Name == name {
			return b, true
		}
	}
	return Backend{}, false
}

// Measure asks k one harmless question and tells how long the answer took, by
// the clock now: for "status" and "doctor".
func Measure(ctx context.Context, k Keyring, now func() time.Time) (took time.Duration, err error) {
	start := now()
	_, err = k.Names(ctx)
	return now().Sub(start), err
}
