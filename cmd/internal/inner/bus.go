package inner

import (
	"slices"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
)

// wantsBus reports whether this process has to execute itself again with access to the
// session bus. The keyring library contacts D-Bus before main, so by default it finds
// no bus, and a user who keeps secrets in a file has nothing to do with D-Bus. Choosers
// are the commands that try the bus while no keyring has been chosen.
func wantsBus(environ, args, choosers []string) bool {
	if !desktop.NeedsBus() {
		return false
	}
	if end := slices.Index(args, "--"); end >= 0 { // another program's arguments follow
		args = args[:end]
	}
	if slices.Contains(args, "keyring") && slices.Contains(args, "use") {
		return true
	}
	dirs, err := Dirs(environ)
	if err != nil {
		return false
	}
	settings, err := helper.New(helper.Config{Dirs: dirs, Now: time.Now}).Settings()
	if err != nil {
		return false
	}
	if settings.Keyring == "" {
		return slices.ContainsFunc(choosers, func(verb string) bool { return slices.Contains(args, verb) })
	}
	backend, _ := keyring.BackendNamed(settings.Keyring)
	return backend.Bus
}
