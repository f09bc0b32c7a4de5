// Package config is what a person configures: profiles (one TOML file each, no secrets),
// presets (one TOML file for each product) and settings. It says which profile owns a
// URL, and what the secret of a profile is bound to.
//
// It reads and writes configuration files and nothing else: no secret, no token, no
// network. Directories and clock are given.
package config

import (
	"slices"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/private"
)

// Home is where one user's configuration lies: settings, profiles and presets, one
// TOML file each. Its methods read, check and write them, and touch neither
// secrets nor tokens.
type Home struct {
	Dirs cache.Dirs
	Now  func() time.Time

	variables variables // that profiles take secrets from
}

// Unguarded says of each directory of the configuration how others than root and we
// could put a profile or preset there; none if they cannot.
func (h *Home) Unguarded() (list []string) {
	for _, dir := range append(h.profileDirs(), h.presetDirs()...) {
		if _, err := private.Way(dir); err != nil && !slices.Contains(list, err.Error()) {
			list = append(list, err.Error())
		}
	}
	return list
}
