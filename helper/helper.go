// Package helper answers a tool's request for a bearer token: it finds the one
// profile that may answer, looks into the cache, and only if that does not do
// loads the client's secret and asks the authorization server, one process at a
// time.
//
//	Request -> match -> cache -> lock -> cache again -> mark -> secret -> token -> cache -> Credential
//
// It also takes care of what a profile proves itself with: secrets, sign-ins, their
// ends, and the log. What a person configures is package config's.
//
// Nothing is found here: directories, clock, environment, HTTP client and keyring
// are given. Nothing here prompts or opens a browser.
package helper

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Config is all that a Helper needs from its process.
type Config struct {
	Dirs cache.Dirs

	// Start is when the process started: a tool waits since then, so the 8 s of
	// an answer count from it. Zero, for programs that run long: each call counts
	// from its own beginning.
	Start time.Time
	Now   func() time.Time
	// Sleep waits between the tries of a request; nil: really.
	Sleep func(context.Context, time.Duration) error

	// Clock puts the machine's start beside a time (A21); nil: cache.ClockAt.
	Clock func(time.Time) cache.Clock

	// Env reads one variable, Environ is the whole environment: proxies, secrets of
	// ["env", NAME] and the few variables that commands of ["command", ...] get.
	Env     func(name string) string
	Environ []string

	// HTTP makes the client for token endpoints and probes: oauth.NewHTTPClient.
	HTTP func(oauth.HTTPOptions) (*http.Client, error)
	// Keyring opens the keyring that the settings name. It is called once, and only
	// when a secret is needed; after a failure, and where the program RunsLong, again
	// at the next need.
	Keyring func(context.Context, config.Settings) (keyring.Keyring, error)

	// RunsLong is for programs that go on after an answer: near a token's end they
	// are answered at once and the next one is fetched behind the answer. Such a
	// program calls Wait before it ends. A sign-in is never renewed that way: its
	// refresh token counts once, and an end in between would lose it (A18).
	RunsLong bool

	// Timeout is how long an answer may take, where a person has said so; 0: what the
	// profile says, or 8 s. Patience is told when a profile says so; may be nil.
	Timeout  time.Duration
	Patience func(limit time.Duration)

	// NoStore reads and writes nothing below the state directory: no cache, no
	// lock, no mark, no log. Secret stands in for the profile's own source.
	NoStore bool
	Secret  secret.Text

	// Caller is who asks, for the log.
	Caller Caller

	// CommandSaid takes the first line that a command which should have printed a
	// secret wrote to stderr before it failed, without what is known to be secret. It
	// is for a person who looks, never for a log. Nil drops it.
	CommandSaid func(line string)

	// Report takes a warning for a person, one line without a secret; may be nil.
	Report func(text string)
	// Explain takes what happens on the way to a server, one line without a secret, for
	// a person who wants to know; may be nil.
	Explain func(text string)
	// Reminds is for programs of which somebody reads the warnings: once a day and
	// profile a fetch reports that a secret or certificate ends within 7 days.
	Reminds bool
}

// Helper answers requests. Many goroutines may use one.
type Helper struct {
	*home.Home
	config Config

	memory    memory
	finders   flights    // who reads settings, profile and cache after a miss in memory
	fetchers  flights    // who goes to the server, or drops a token
	rejecting sync.Mutex // locked while an early report is counted

	opening sync.Mutex
	keyring keyring.Keyring // once it was opened
}

var _ protocol.Answerer = (*Helper)(nil)

// New makes a Helper. It touches no file.
func New(c Config) *Helper {
	if c.Clock == nil {
		c.Clock = cache.ClockAt
	}
	return &Helper{Home: &home.Home{Dirs: c.Dirs, Now: c.Now}, config: c}
}

// Wait waits for what is still being fetched behind answers, 8 s at most.
func (h *Helper) Wait() {
	for _, f := range h.fetchers.all() {
		<-f.done
	}
}

// answerTime is the end of every answer to a tool: Bazel stops waiting after 10 s.
const answerTime = 8 * time.Second

// asked is how long the answer to r may take by what was asked, 0 if nothing was.
func (h *Helper) asked(r protocol.Request) time.Duration {
	if r.Timeout > 0 {
		return min(time.Duration(r.Timeout)*time.Second, time.Hour)
	}
	return h.config.Timeout
}

// networkTime is how much of an answer's time the requests to the server may take,
// all tries together; the rest is for lock and keyring.
func networkTime(answer time.Duration) time.Duration { return max(answer-2*time.Second, answer*3/4) }

// deadline limits an answer to what is left of limit, or of 8 s if that is 0, since
// the process started.
func (h *Helper) deadline(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		limit = answerTime
	}
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

func (h *Helper) patience(limit time.Duration) {
	if h.config.Patience != nil {
		h.config.Patience(limit)
	}
}

func (h *Helper) env(name string) string {
	if h.config.Env == nil {
		return ""
	}
	return h.config.Env(name)
}
