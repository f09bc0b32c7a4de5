// Package server asks the servers of a profile: it makes the client for the token
// endpoint with the profile's secret or key, through the proxy that applies, and asks an
// API whom a token is for, an issuer for its endpoints, and hosts whether they answer.
//
// It stores nothing and opens no keyring: callers pass in secrets and tokens, and where
// the login at a secrets server is kept.
package server

import (
	"context"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Config is what package server needs from the process, as in helper.Config.
type Config struct {
	Now         func() time.Time
	Sleep       func(context.Context, time.Duration) error // nil: a timer
	Env         func(name string) string                   // nil: no variable is set
	Environ     []string
	HTTP        func(oauth.HTTPOptions) (*http.Client, error)
	CommandSaid func(source, line string) // may be nil
	Report      func(text string)         // may be nil
	Explain     func(text string)         // may be nil
	Kept        Shelf                     // of logins at secrets servers
}

// Servers asks the servers of profiles. Many goroutines may use one.
type Servers struct {
	home   *home.Home
	config Config
	shelf  *shelf
}

// New returns Servers for the profiles of a home. It contacts nobody.
func New(h *home.Home, c Config) *Servers {
	if c.Env == nil {
		c.Env = func(string) string { return "" }
	}
	return &Servers{h, c, &shelf{given: c.Kept}}
}

func (ss *Servers) report(text string) {
	if ss.config.Report != nil {
		ss.config.Report(text)
	}
}

func (ss *Servers) explain(text string) {
	if ss.config.Explain != nil {
		ss.config.Explain(printable.Line(text))
	}
}
