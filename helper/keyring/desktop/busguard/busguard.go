// Package busguard keeps the process from D-Bus unless it asks for it, and from a bus
// that does not answer.
//
// 99designs/keyring connects to the session bus in its own init, before main, whatever
// backend is wanted. A bus that accepts the connection and never answers would make the
// process hang forever; without an address the D-Bus library starts dbus-launch, which
// leaves a dbus-daemon behind on every run (F9). Nothing in main can prevent this, so
// this package has an init too, the only one of the project. It sets the address of a
// bus that cannot exist, at which the library gives up at once.
//
// A process that needs the bus, because its configuration says so, executes itself
// again with the variable Ask. Only then the guard contacts the bus, within two
// seconds, and leaves its address to the library if it answers. When the library has
// been initialized the variable is restored (Lift), so that the guard affects neither
// this program, if it executes itself again, nor a command that it runs.
//
// It must run first. Go initializes packages in the order of their import paths as soon
// as their own imports are ready: this one imports less than the D-Bus library does and
// sorts before it, and a test of package desktop reads the order from
// GODEBUG=inittrace=1.
package busguard

import "os"

// variable is where every D-Bus library looks for the address of the bus.
const variable = "DBUS_SESSION_BUS_ADDRESS"

// Ask, set to "yes" in the environment of a process, makes the guard contact the bus.
// The guard removes it, so that no child inherits it.
const Ask = "CREDHELPER_ASK_BUS"

// The original variable, and the guard's findings. They are written by init only.
var (
	original string
	given    bool
	guarded  bool // this system has a guard
	asked    bool
	answered bool
)

// NeedsAsking reports whether there may be a bus that was not contacted when the
// process started.
func NeedsAsking() bool { return guarded && !asked && findable(original) }

// Lift restores the environment of the process, and reports whether a session bus
// answered. The importer of the library calls it after the library's init: from then on
// this process does not look for a bus, and every child must find the one that the
// process was given. The address of a bus that answered is kept.
func Lift() bool {
	switch {
	case !guarded || answered:
	case given:
		_ = os.Setenv(variable, original)
	default:
		_ = os.Unsetenv(variable)
	}
	return answered
}
