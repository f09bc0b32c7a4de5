package main

import (
	"strings"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
)

// choosers are the verbs that look at the session bus before a keyring is chosen.
var choosers = []string{"add", "import", "keyring", "doctor"}

// wantsBus tells whether this run has to start itself again with the session bus
// allowed. The keyring library talks to D-Bus before main, so by default it finds
// none, and whoever keeps secrets in a file has nothing to do with D-Bus.
func (s *session) wantsBus(args []string) bool {
	if !desktop.NeedsBus() {
		return false
	}
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			continue
		}
		for _, verb := range choosers {
			if arg == verb {
				return true
			}
		}
		break
	}
	dirs, err := s.dirs()
	if err != nil {
		return false
	}
	settings, err := helper.New(helper.Config{Dirs: dirs}).Settings()
	backend, _ := keyring.BackendNamed(settings.Keyring)
	return err == nil && backend.Bus
}
