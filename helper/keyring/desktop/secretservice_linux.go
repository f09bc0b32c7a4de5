package desktop

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/godbus/dbus"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/printable"
)

// secretServiceReady asks for the one property of the collection that tells
// "answers", "is there" and "is unlocked" apart in one round trip, and never
// leads to a prompt. The library would prompt for a locked collection, and
// would make a missing one, which prompts too.
func secretServiceReady(ctx context.Context) error {
	bus, err := dbus.SessionBus() // the connection that the library uses
	if err != nil {
		return fmt.Errorf("%w: no session bus answers", keyring.ErrUnavailable)
	}
	var locked dbus.Variant
	err = bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets/collection/"+collection).
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, "org.freedesktop.Secret.Collection", "Locked").
		Store(&locked)
	var refusal dbus.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: the Secret Service does not answer", keyring.ErrUnavailable)
	case errors.As(err, &refusal) && slices.Contains(nobodyThere[:], refusal.Name):
		return fmt.Errorf("%w: no Secret Service on this session bus", keyring.ErrUnavailable)
	case err != nil:
		return fmt.Errorf("%w: the Secret Service has no collection %q (%s)", keyring.ErrUnavailable, collection, printable.Value(err.Error()))
	}
	if is, known := locked.Value().(bool); !known || is {
		return fmt.Errorf("%w: unlock the %q keyring of the desktop (sign in, or open its keyring program)", keyring.ErrLocked, collection)
	}
	return nil
}

// nobodyThere are the bus's own answers for a service that it cannot reach.
var nobodyThere = [...]string{
	"org.freedesktop.DBus.Error.ServiceUnknown",
	"org.freedesktop.DBus.Error.NameHasNoOwner",
	"org.freedesktop.DBus.Error.NoReply",
	"org.freedesktop.DBus.Error.TimedOut",
	"org.freedesktop.DBus.Error.Spawn.ExecFailed",
	"org.freedesktop.DBus.Error.Spawn.ChildExited",
	"org.freedesktop.DBus.Error.Spawn.ChildSignaled",
	"org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
	"org.freedesktop.DBus.Error.Spawn.ServiceNotValid",
	"org.freedesktop.DBus.Error.Spawn.FailedToSetup",
}
