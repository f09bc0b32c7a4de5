// Package home is one user's configuration on disk: it reads, checks and writes
// profiles, presets and settings, one TOML file each, and says which profile owns a URL.
// What such a file may say is package config's.
//
// It touches neither secrets nor tokens, and no network. Directories and clock are
// given.
package home

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
