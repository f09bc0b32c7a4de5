package helper

import (
	"time"

	"github.com/credhelper/credhelper/helper/cache"
)

// Home is where one user's configuration lies: settings, profiles and presets, one
// TOML file each. Its methods read, check and write them, and touch neither
// secrets nor tokens.
type Home struct {
	Dirs cache.Dirs
	Now  func() time.Time

	variables variables // that profiles take secrets from
}
