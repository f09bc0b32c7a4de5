// Package desktop opens the Secret Service of a desktop, the Credential Manager of
// Windows, the Keychain of macOS, the password store pass and the kernel keyring. The last two are
// 99designs/keyring's, which only this package imports and whose mere import talks to
// D-Bus; package busguard makes that harmless and is imported for it.
//
// The library has no contexts, no deadlines and prompts when it likes. Here
// each call is bounded, each backend is asked first whether it could answer
// without a person, exactly one backend is named, and each write is read back
// under a lock (security.md S2, S4, F7, F9, F10).
package desktop

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	library "github.com/99designs/keyring"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop/busguard"
)

// Limit is the time limit of a desktop keyring for one call.
const Limit = 3 * time.Second

// Config is the configuration of the openers.
type Config struct {
	// State is an absolute directory of ours, for the lock of writers and for sealed
	// values that are too long for a backend.
	State string
	// Now is the clock.
	Now func() time.Time
	// Environ is the environment, "NAME=value", for pass: the programs it needs are
	// searched in its PATH, and it names the store.
	Environ []string
	// PassProgram and GPGProgram are the absolute paths that were stored when the
	// keyring was chosen; "" searches them.
	PassProgram, GPGProgram string
	// SecurityProgram is the absolute path of macOS' security, for tests; "" is its own.
	SecurityProgram string
}

// openers has a row for each of keyring.Backends with Desktop.
var openers = [...]struct {
	name string
	open func(Config) (keyring.Keyring, error)
}{
	{"secret-service", openSecretService},
	{"pass", openPass},
	{"keyctl", openKeyctl},
	{"wincred", openWinCred},
	{"keychain", openKeychain},
}

// Open prepares the named backend. It does not access it: the first call does, within
// its Limit, and fails with keyring.ErrUnavailable or ErrLocked.
func Open(_ context.Context, name string, config Config) (keyring.Keyring, error) {
	if !filepath.IsAbs(config.State) || config.Now == nil {
		return nil, fmt.Errorf("%w: a desktop keyring needs a state directory and a clock", keyring.ErrInvalid)
	}
	backend, known := keyring.BackendNamed(name)
	for _, row := range openers {
		if row.name != name || !known {
			continue
		}
		k, err := row.open(config)
		if err != nil {
			return nil, &keyring.NamedError{Keyring: name, Err: err}
		}
		if backend.MaxValue > 0 {
			if k, err = keyring.SealOversize(k, backend.MaxValue, filepath.Join(config.State, "oversize"), config.Now); err != nil {
				return nil, err
			}
		}
		alone := keyring.WithOneWriter
		if backend.InPlace {
			alone = keyring.WithOneUser
		}
		k = alone(keyring.WithReadBack(k), filepath.Join(config.State, "keyring"))
		return keyring.WithDeadline(k, Limit), nil
	}
	return nil, fmt.Errorf("%w: no desktop keyring is called %.20q", keyring.ErrInvalid, name)
}

// NeedsBus reports whether this process must execute itself again, with AskBus in its
// environment, before it can use the session bus: the guard keeps every other process
// from the bus.
func NeedsBus() bool { return busguard.NeedsAsking() }

// AskBus is the environment entry that permits the next process to contact the bus.
const AskBus = busguard.Ask + "=yes"

// busAnswered reports whether there was a session bus when the process started. A
// package variable is initialized after all imported packages, so the guard is in place
// exactly as long as the library needs it.
var busAnswered = busguard.Lift()

// openLibrary opens one backend of the library and no other: if none were named it
// would use the first that opens, and secrets would seem to be lost.
func openLibrary(config library.Config, backend library.BackendType) (library.Keyring, error) {
	config.AllowedBackends = []library.BackendType{backend}
	opened, err := library.Open(config)
	if err != nil { // the library hides the reason
		return nil, fmt.Errorf("%w: nothing answers on this machine", keyring.ErrUnavailable)
	}
	return opened, nil
}
