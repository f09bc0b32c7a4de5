// Package busguard keeps the process from D-Bus unless it asked for it, and from
// a bus that does not answer.
//
// 99designs/keyring connects to the session bus in its own init, before main,
// whatever backend is wanted. A bus that accepts and never answers would hang
// the process there for ever; without an address the D-Bus library starts
// dbus-launch, which leaves a dbus-daemon behind on every run (F9). Nothing in
// main can help, so this package has an init too, the only one of the project.
// It names a bus that cannot exist, at which the library gives up at once.
//
// Whoever needs the bus, because its configuration says so, starts itself again
// with the variable Ask. Only then the guard asks the bus, within half a second,
// and leaves its address to the library if it answers. Once the library has been
// initialized the variable is given back as it was (Lift), so that neither this
// program, when it starts itself again, nor a command that it runs learns of the
// guard.
//
// It must run first. Go initializes packages in the order of their import
// paths as soon as their own imports are ready: this one imports less than the
// D-Bus library does and sorts before it, and a test of package desktop reads
// the order from GODEBUG=inittrace=1.
package busguard

import "os"

// variable is where every D-Bus library looks for the bus.
const variable = "DBUS_SESSION_BUS_ADDRESS"

// Ask, set to "yes" in the environment of a process, makes the guard ask the bus.
// The guard takes it away, so no child inherits it.
const Ask = "CREDHELPER_ASK_BUS"

// The variable as it was, and what the guard found. They are written by init and
// never again.
var (
	original string
	given    bool
	guarded  bool // this system has a guard
	asked    bool
	answered bool
)

// NeedsAsking reports whether there could be a bus that was not asked when the
// process started.
func NeedsAsking() bool { return guarded && !asked }

// Lift ends what the guard does to the environment of the process, and reports
// whether a session bus answered. Whoever imports the library calls it once the
// library's init is over: from then on nobody here looks for a bus, and every
// child must find the one that the process was given. The address of a bus that
// answered stays, which is one that was given or found in the runtime directory.
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
