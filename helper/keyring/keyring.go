// Package keyring stores long-lived secrets: client secrets, private keys and refresh
// tokens, each under an opaque key.
//
// It has the file keyring (age files, see File) and the sources that replace a keyring
// (see Source). The backends of a desktop are in package desktop, because importing
// their library is enough to contact D-Bus; the code that opens a keyring combines
// both.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Keyring stores long-lived secrets under opaque keys.
//
// Every implementation refuses an invalid key (ValidKey), an empty value and a value
// longer than MaxSecret before it calls its backend. All of them pass the test suite of
// package keyringtest.
type Keyring interface {
	// Get returns the secret under key, or ErrNotFound.
	Get(ctx context.Context, key string) (secret.Text, error)
	// Set stores value under key, replacing an earlier value.
	Set(ctx context.Context, key string, value secret.Text) error
	// Delete removes key; it is not an error if there is none.
	Delete(ctx context.Context, key string) error
	// Names lists our keys, in ascending order.
	Names(ctx context.Context) ([]string, error)
}

// The errors of a keyring, to be matched with errors.Is. The wrapping error has the
// details, and never contains a secret.
var (
	// ErrNotFound: the keyring answered that it has no such secret.
	ErrNotFound = errors.New("no such secret")
	// ErrLocked: the secret may exist, but the keyring must be unlocked first.
	ErrLocked = errors.New("the keyring is locked")
	// ErrUnavailable: the keyring does not answer, refuses, or does not exist.
	ErrUnavailable = errors.New("the keyring is not available")
	// ErrUnsafe: because of an owner, a mode or a symbolic link, others could read or
	// replace a secret. Nothing is repaired silently: the secret may already have been
	// read, and a person should know.
	ErrUnsafe = private.ErrUnsafe
	// ErrDamaged: the stored data was changed. It is left in place, to be compared with
	// a backup.
	ErrDamaged = errors.New("damaged")
	// ErrInvalid: the key, the value or the setting is invalid.
	ErrInvalid = errors.New("invalid")
)

// Problem is an event and its meaning.
type Problem struct {
	Meaning error // one of the above
	Detail  error
}

func (p *Problem) Error() string   { return p.Meaning.Error() + ": " + p.Detail.Error() }
func (p *Problem) Unwrap() []error { return []error{p.Meaning, p.Detail} }

// NamedError is an error that begins with which keyring it is about.
type NamedError struct {
	Keyring string // "secret-service", or "file keyring PATH"
	Err     error
}

func (e *NamedError) Error() string { return e.Keyring + ": " + e.Err.Error() }
func (e *NamedError) Unwrap() error { return e.Err }

func problem(meaning error, format string, args ...any) error {
	return &Problem{meaning, fmt.Errorf(format, args...)}
}

// Detail returns an error without its meaning, for callers that describe the meaning
// themselves. It returns err if that is not a Problem.
func Detail(err error) error {
	if p := new(Problem); errors.As(err, &p) {
		return p.Detail
	}
	return err
}

// Prefix is the prefix of every key. In a desktop's collection, and in the kernel, our
// secrets are among those of other programs, and are found only by name.
const Prefix = "credhelper-"

// maxKeyDigits limits the rest of a key: a SHA-512 digest in hexadecimal fits.
const maxKeyDigits = 128

// MaxSecret is the maximum length of a secret in bytes. The longest kind, a certificate
// chain with its key, is far shorter.
const MaxSecret = 64 << 10

// ValidKey reports whether key is Prefix followed by 1 to 128 lower-case hexadecimal
// digits. Keys become names of files (file, pass), arguments of programs (pass) and
// attributes of a search (secret-service); this grammar leaves nothing in them to
// misread (security.md T18).
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

// CheckKey is ValidKey as an error, for backends. It does not quote the key, which may
// contain anything.
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

// Backend describes a kind of keyring.
type Backend struct {
	// Name is its name in the configuration and in "keyring use".
	Name string
	// Title is its name for people.
	Title string
	// Volatile says that its content is lost at a restart, so it must be chosen
	// explicitly.
	Volatile bool
	// MaxValue is the maximum length of a value in bytes; 0 means MaxSecret.
	// SealOversize stores longer values elsewhere.
	MaxValue int
	// InPlace says that it writes in place, so that readers have to wait for writers.
	InPlace bool
	// Desktop says that package desktop opens it; otherwise this package does.
	Desktop bool
	// Bus says that it is on the session bus.
	Bus bool
}

// Backends lists every backend. To add one, add a row here and a file: in this package,
// or in desktop with its opener.
var Backends = [...]Backend{
	{Name: "file", Title: "encrypted file (age)"},
	{Name: "secret-service", Title: "desktop keyring (Secret Service)", Desktop: true, Bus: true},
	{Name: "pass", Title: "password store (pass)", InPlace: true, Desktop: true},
	// The kernel accepts 32,767 bytes per key, but limits an ordinary user to 20,000
	// bytes for all keys of all programs (/proc/sys/kernel/keys/maxbytes).
	{Name: "keyctl", Title: "kernel keyring", Volatile: true, MaxValue: 1024, Desktop: true},
	// 2,560 bytes are wincred.h's CRED_MAX_CREDENTIAL_BLOB_SIZE. That no reader finds a
	// half-written credential is not documented, and not so under Wine.
	{Name: "wincred", Title: "Credential Manager of Windows", MaxValue: 2560, InPlace: true, Desktop: true},
	// security reads a command of 4,096 bytes; a value is a part of one, in base64.
	{Name: "keychain", Title: "Keychain of macOS", MaxValue: 2800, Desktop: true},
	// KWallet needs no row: it answers for the Secret Service.
}

// BackendNames returns the names of all rows of Backends.
func BackendNames() (names []string) {
	for _, b := range Backends {
		names = append(names, b.Name)
	}
	return names
}

// BackendNamed returns a row of Backends.
func BackendNamed(name string) (Backend, bool) {
	for _, b := range Backends {
		if b.Name == name {
			return b, true
		}
	}
	return Backend{}, false
}
