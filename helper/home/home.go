// Package home accesses a user's configuration on disk: it reads, checks and writes
// profiles, presets and settings, one TOML file each, and determines which profile owns
// a URL. Package config says what is in them.
//
// It accesses neither secrets nor tokens, and no network. Directories and clock are
// passed in.
package home

import (
	"slices"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/trust"
)

// Home is a user's configuration on disk: settings, profiles and presets, one TOML file
// each. Its methods read, check and write them, and access neither secrets nor tokens.
type Home struct {
	Dirs cache.Dirs
	Now  func() time.Time

	// Processors returns how many goroutines can run at once; it is called before many
	// files are read. Nil: runtime.GOMAXPROCS.
	Processors func() int

	variables variables // from which profiles take secrets
	settings  readSettings
}

// Unguarded returns for each directory of the configuration how others than root and we
// could add a profile or preset; none if they cannot.
func (h *Home) Unguarded() (list []string) {
	for _, dir := range append(h.profileDirs(), h.presetDirs()...) {
		if _, err := trust.Way(dir); err != nil && !slices.Contains(list, err.Error()) {
			list = append(list, err.Error())
		}
	}
	return list
}
