// Package busguard keeps the process from D-Bus when D-Bus does not answer.
//
// 99designs/keyring connects to the session bus in its own init, before main,
// whatever backend is wanted. A bus that accepts and never answers would hang
// the process there for ever; without an address the D-Bus library starts
// dbus-launch, which leaves a dbus-daemon behind on every run (security.md 0.1,
// F9). Nothing in main can help, so this package has an init too, the only one
// of the project: it asks the bus itself, within half a second, and if nothing
// answers it names a bus that cannot exist, at which the library gives up at
// once.
//
// It must run first. Go initializes packages in the order of their import
// paths as soon as their own imports are ready: this one imports less than the
// D-Bus library does and sorts before it, and a test of package desktop reads
// the order from GODEBUG=inittrace=1.
package busguard

import "strings"

// variable is where every D-Bus library looks for the bus.
const variable = "DBUS_SESSION_BUS_ADDRESS"

// The variable as it was, for children, and what the guard found. They are
// written by init and never again.
var (
	original string
	given    bool
	answered bool
)

// Answered tells whether a session bus answered when the process started.
func Answered() bool { return answered }

// Environ gives environ the variable back as the process got it: a user's own
// command must not learn of the guard.
func Environ(environ []string) []string {
	kept := make([]string, 0, len(environ)+1)
	for _, entry := range environ {
		if !strings.HasPrefix(entry, variable+"=") {
			kept = append(kept, entry)
		}
	}
	if given {
		kept = append(kept, variable+"="+original)
	}
	return kept
}
