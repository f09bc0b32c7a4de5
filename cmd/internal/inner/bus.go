package inner

import (
	"slices"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
)

// wantsBus reports whether this run has to start itself again with the session bus
// allowed. The keyring library talks to D-Bus before main, so by default it finds
// none, and whoever keeps secrets in a file has nothing to do with D-Bus. Choosers
// are the verbs that look at the bus while no keyring is chosen.
func wantsBus(environ, args, choosers []string) bool {
	if !desktop.NeedsBus() {
		return false
	}
	if end := slices.Index(args, "--"); end >= 0 { // what follows is another program's
		args = args[:end]
	}
	if slices.Contains(args, "keyring") && slices.Contains(args, "use") {
		return true
	}
	dirs, err := Dirs(environ)
	if err != nil {
		return false
	}
	settings, err := helper.New(helper.Config{Dirs: dirs}).Settings()
	if err != nil {
		return false
	}
	if settings.Keyring == "" {
		return slices.ContainsFunc(choosers, func(verb string) bool { return slices.Contains(args, verb) })
	}
	backend, _ := keyring.BackendNamed(settings.Keyring)
	return backend.Bus
}
