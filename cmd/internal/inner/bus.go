package inner

import (
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
)

// wantsBus reports whether this run has to start itself again with the session bus
// allowed. The keyring library talks to D-Bus before main, so by default it finds
// none, and whoever keeps secrets in a file has nothing to do with D-Bus. Choosers
// are the verbs that look at the bus before a keyring is chosen.
func wantsBus(environ, args, choosers []string) bool {
	if !desktop.NeedsBus() {
		return false
	}
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			continue
		}
		if slices.Contains(choosers, arg) {
			return true
		}
		break
	}
	dirs, err := Dirs(environ)
	if err != nil {
		return false
	}
	settings, err := helper.New(helper.Config{Dirs: dirs}).Settings()
	backend, _ := keyring.BackendNamed(settings.Keyring)
	return err == nil && backend.Bus
}
