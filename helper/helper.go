// Package helper answers a tool's request for a bearer token: it finds the profile that
// may answer, looks in the cache, and if necessary loads the client's secret and asks
// the authorization server, one process at a time.
//
//	Request -> match -> cache -> lock -> cache again -> mark -> secret -> token -> cache -> Credential
//
// It also manages secrets, sign-ins, their expiry, and the log. Configuration is in
// package config.
//
// Two stories share their steps. Answering a request: cached.go, get.go, share.go,
// fetch.go and forget.go. Caring for an account: account.go, rotate.go, signin.go,
// probe.go, status.go and move.go. The other files are steps, or what steps share. No
// file refers to one that refers to it, directly or indirectly: scripts/figures fails.
//
// Directories, clock, environment, HTTP client and keyring are passed in. Nothing here
// prompts or opens a browser.
package helper

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pools"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/helper/stored"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Config is everything that a Helper needs from its process.
type Config struct {
	Dirs cache.Dirs

	// Start is when the process started: the tool has been waiting since then, so the 8
	// s of an answer count from it. If zero, for long-running programs, each call
	// counts from its own start.
	Start time.Time
	Now   func() time.Time
	// Sleep waits between the tries of a request; nil: a timer.
	Sleep func(context.Context, time.Duration) error

	// Clock adds the machine's start to a time (A21); nil: cache.ClockAt.
	Clock func(time.Time) cache.Clock

	// Env returns one variable, Environ is the whole environment, for proxies, secrets
	// of ["env", NAME] and the variables of commands in ["command", ...].
	Env     func(name string) string
	Environ []string

	// HTTP returns the client for token endpoints and probes: oauth.NewHTTPClient.
	HTTP func(oauth.HTTPOptions) (*http.Client, error)
	// Keyring opens the keyring that the settings name. It is called once, and only
	// when a secret is needed; after a failure, and with RunsLong, it is called again
	// when one is needed.
	Keyring func(context.Context, config.Settings) (keyring.Keyring, error)

	// Pool returns the store of a pool, of which nothing is asked yet; nil: this program
	// opens no pools. Host is this host's name there.
	Pool func(c config.Pool, password secret.Text, ask server.Asker) (pool.Store, error)
	Host func() string

	// RunsLong is for programs that continue after an answer: shortly before a token
	// expires they are answered at once, and the next one is fetched in the background.
	// Such a program calls Wait before it ends. A sign-in is never renewed in the
	// background: its refresh token can be used only once, and an early end would lose
	// it (A18).
	RunsLong bool

	// Processors returns how many goroutines can run at once; it is called before many
	// files are read. Nil: runtime.GOMAXPROCS.
	Processors func() int

	// Timeout is a person's time limit for an answer; 0: the profile's, or 8 s.
	// TimeLimit is called if a profile has its own; may be nil.
	Timeout   time.Duration
	TimeLimit func(limit time.Duration)

	// NoStore reads and writes nothing below the state directory: no cache, no lock, no
	// mark, no log. Secret replaces the profile's own source.
	NoStore bool
	Secret  secret.Text

	// Caller is the calling program, for the log.
	Caller logfile.Caller

	// CommandSaid receives the first line that a failed command for a secret wrote to
	// stderr, without known secrets, and which source that is. It is for a person's
	// terminal, never for a log. Several goroutines may call it. Nil discards it.
	CommandSaid func(source, line string)

	// Report receives a warning for a person, one line without secrets; may be nil.
	Report func(text string)
	// Explain receives the steps on the way to a server, one line each without secrets,
	// for a person who asked for them; may be nil.
	Explain func(text string)
	// Reminds is for programs whose warnings are read: once a day and profile a fetch
	// reports that a secret or certificate expires within 7 days.
	Reminds bool
}

// Helper answers requests. It is safe for concurrent use.
type Helper struct {
	*home.Home
	*server.Servers
	Pools  *pools.Pools // of the settings, in which hosts share tokens
	config Config

	logFile   logfile.Writer
	memory    memory
	finders   flights    // read settings, profile and cache after a miss in memory
	fetchers  flights    // contact the server, or drop a token
	rejecting sync.Mutex // locked while an early report is counted
	surveying sync.Mutex // locked while a request looks at all profiles

	keys *stored.Keyrings
}

var _ protocol.Answerer = (*Helper)(nil)

// Wait waits for fetches in the background, 8 s at most.
func (h *Helper) Wait() {
	for _, f := range h.fetchers.all() {
		<-f.done
	}
}

// asked returns the requested time limit for the answer to r; 0 if there is none.
func (h *Helper) asked(r protocol.Request) time.Duration {
	if r.Timeout > 0 {
		return min(time.Duration(r.Timeout)*time.Second, time.Hour)
	}
	return h.config.Timeout
}

// deadline limits an answer to the rest of limit, or of 8 s if that is 0, since the
// start of the process.
func (h *Helper) deadline(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	limit = cmp.Or(limit, server.AnswerTime)
	if !h.config.Start.IsZero() {
		limit -= h.now().Sub(h.config.Start)
	}
	return context.WithTimeout(ctx, limit)
}

func (h *Helper) now() time.Time     { return h.config.Now() }
func (h *Helper) clock() cache.Clock { return h.config.Clock(h.now()) }

func (h *Helper) report(text string) {
	if h.config.Report != nil {
		h.config.Report(text)
	}
}

func (h *Helper) explain(text string) {
	if h.config.Explain != nil {
		h.config.Explain(printable.Line(text))
	}
}

func (h *Helper) setTimeLimit(limit time.Duration) {
	if h.config.TimeLimit != nil {
		h.config.TimeLimit(limit)
	}
}

func (h *Helper) env(name string) string {
	if h.config.Env == nil {
		return ""
	}
	return h.config.Env(name)
}
