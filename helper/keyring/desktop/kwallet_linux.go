package desktop

import (
	"context"
	"fmt"

	"github.com/godbus/dbus"

	"github.com/credhelper/credhelper/helper/keyring"
)

// kwallets are KWallet's programs: that of Plasma 6, that of Plasma 5, and the one, without
// an API of its own, that implements the Secret Service since KDE Frameworks 6.14.
var kwallets = [...]struct {
	name string
	path dbus.ObjectPath
}{
	{"org.kde.kwalletd6", "/modules/kwalletd6"},
	{"org.kde.kwalletd5", "/modules/kwalletd5"},
	{"org.kde.ksecretd", ""},
}

// owner returns the unique name of the connection that owns a name on the bus, or "".
func (c *secretClient) owner(name string) (unique string) {
	_ = c.bus.BusObject().CallWithContext(c.ctx, "org.freedesktop.DBus.GetNameOwner", 0, name).Store(&unique)
	return unique
}

// enterWallet unlocks the default collection if it is an open wallet of KWallet, and
// reports whether it did. A wallet that was opened by signing in is a locked collection
// until the first client has unlocked it, which causes no prompt unless a person told
// KWallet to ask for each application.
func (c *secretClient) enterWallet() bool {
	var wallet string
	if c.property(c.collection, "Collection.Label", &wallet) != nil {
		return false
	}
	for _, k := range kwallets {
		if k.path == "" || c.owner(k.name) == "" {
			continue
		}
		var open bool
		err := c.bus.Object(k.name, k.path).CallWithContext(c.ctx, "org.kde.KWallet.isOpen", 0, wallet).Store(&open)
		if err != nil || !open {
			return false
		}
		var unlocked []dbus.ObjectPath
		var prompt dbus.ObjectPath
		if c.call(servicePath, "Service.Unlock", []any{[]dbus.ObjectPath{c.collection}}, &unlocked, &prompt) != nil {
			return false
		}
		return prompt == nothing || c.await(prompt) == nil
	}
	return false
}

// secretServiceIsKWallet returns nil if KWallet implements the Secret Service. The
// program is started if possible: on a desktop it starts on demand.
func secretServiceIsKWallet(ctx context.Context) error {
	return askService(ctx, func(c *secretClient) error {
		found := false
		service := c.owner(serviceName)
		for _, k := range kwallets {
			var ignored uint32
			_ = c.bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.StartServiceByName", 0, k.name, uint32(0)).Store(&ignored)
			owner := c.owner(k.name)
			if service == "" {
				service = c.owner(serviceName) // it may have come with the program
			}
			if owner != "" && owner == service {
				return nil
			}
			found = found || owner != ""
		}
		switch {
		case !found:
			return fmt.Errorf("%w: KWallet does not answer on this session bus", keyring.ErrUnavailable)
		case service == "":
			return fmt.Errorf("%w: KWallet answers, but not as the Secret Service, which it does since KDE Frameworks 5.97", keyring.ErrUnavailable)
		}
		return fmt.Errorf("%w: KWallet is there, but the Secret Service of this session is another program", keyring.ErrUnavailable)
	})
}
