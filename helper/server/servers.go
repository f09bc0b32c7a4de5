// Package server asks the servers of a profile: it makes the client for the token
// endpoint with the profile's secret or key, through the proxy that applies, and asks an
// API whom a token is for, an issuer for its endpoints, and hosts whether they answer.
//
// It opens no keyring: callers pass in secrets and tokens. All that it keeps is the login
// at a secrets server.
package server

import (
	"context"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/helper/oauth"
)

// Config is what package server needs from the process, as in helper.Config.
type Config struct {
	Now         func() time.Time
	Sleep       func(context.Context, time.Duration) error // nil: a timer
	Env         func(name string) string
	Environ     []string
	HTTP        func(oauth.HTTPOptions) (*http.Client, error)
	CommandSaid func(source, line string) // may be nil
	Report      func(text string)
	Explain     func(text string)
	// Cache opens the home's cache, where logins at secrets servers are kept. Nil without
	// an error: there is none.
	Cache func() (*cache.Store, error)
}

// Servers asks the servers of profiles. Many goroutines may use one.
type Servers struct {
	home   *home.Home
	config Config
	shelf  *shelf
}

// New returns Servers for the profiles of a home. It contacts nobody.
func New(h *home.Home, c Config) *Servers {
	return &Servers{h, c, &shelf{open: c.Cache}}
}
