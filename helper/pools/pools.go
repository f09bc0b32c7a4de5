// Package pools connects the requests of a home with the pools in its settings: it opens
// them, gets a token from one in place of the server, and remembers what came from there.
// What hosts agree on is in package pool.
package pools

import (
	"slices"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Config is what package pools needs from the process and its home.
type Config struct {
	Now  func() time.Time
	Host func() string // this host's name in pools; nil: none
	// Open returns the store of a pool, of which nothing is asked yet; nil: this program
	// opens no pools. ask is for stores that speak HTTP, else nil.
	Open     func(c config.Pool, password secret.Text, ask server.Asker) (pool.Store, error)
	Settings func() (config.Settings, error)
	Servers  *server.Servers // for the sources of keys and passwords
	// Cache opens the home's cache; nil without an error if there is none.
	Cache func() (*cache.Store, error)
	// Jitter returns a number from 0 to most that differs between homes.
	Jitter func(token secret.Text, most int64) int64
	Report func(text string)
	Lost   func(name string, l pool.Loss) // the store of a pool was lost just now
}

// Pools are the pools of a home. Many goroutines may use one.
type Pools struct{ config Config }

// New returns the pools of a home. It accesses no file and contacts nobody.
func New(c Config) *Pools { return &Pools{c} }

// host is this host's name in pools.
func (ps *Pools) host() string {
	if ps.config.Host == nil {
		return ""
	}
	return printable.Value(ps.config.Host())
}

// Named returns a pool of the settings, or the only one for "".
func (ps *Pools) Named(name string) (config.Pool, error) {
	settings, err := ps.config.Settings()
	if err != nil {
		return config.Pool{}, err
	}
	all := settings.Pools()
	if name == "" && len(all) == 1 {
		return all[0], nil
	}
	at := slices.IndexFunc(all, func(c config.Pool) bool { return c.Name == name })
	switch {
	case at >= 0:
		return all[at], nil
	case len(all) == 0:
		return config.Pool{}, &protocol.Error{Kind: protocol.ErrPolicy, Text: "config.toml has no pool", Hint: "how to write one, [pool.NAME]: credhelper help pool"}
	case name == "":
		return config.Pool{}, protocol.Malformed("there are several pools; name one")
	}
	return config.Pool{}, &protocol.Error{Kind: protocol.ErrUnknown, Text: "no pool " + printable.Value(name), Hint: "credhelper pool status shows all"}
}
