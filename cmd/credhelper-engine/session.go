package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
)

// session is one run of the engine: its process, as given by main, and the flags.
type session struct {
	stdin, stdout, stderr *os.File
	environ               []string
	limited               bool // to one processor, by the front
	now                   func() time.Time
	exit                  func(int) // used only by the watchdog and signals

	start  time.Time      // of the front; deadlines count from it
	limits process.Limits // changed by Harden, restored for the user's commands

	verb     string // the command, or the tool's dialect, for the log
	tool     bool   // a tool calls, and its user sees our stderr at each call
	flags    commonFlags
	secret   secretFlags
	typed    bool           // the secret was typed at a prompt, and is stored nowhere else
	guard    *answerGuard   // guards the single answer to a tool
	after    func()         // runs after the answer was written; may be nil
	helper   *helper.Helper // created by the first s.open
	limit    time.Duration  // the time at which dog ends the process
	dog      *watchdog      // nil without a time limit
	patient  bool           // a person waits, so the 8 s do not apply
	runsLong bool           // it continues after an answer: serve
	shape    *screen        // of stdout, once it is known
	warn     func(string)   // receives the helper's warnings instead of stderr
}

// commonFlags are the flags of every command.
type commonFlags struct {
	noInput bool
	json    bool
	verbose bool
	noStore bool

	orCached bool // with --refresh: the cached token is given if none can be fetched
	timeout  string
}

// env returns a variable of the environment.
func (s *session) env(name string) string {
	value, _ := s.lookup(name)
	return value
}

func (s *session) lookup(name string) (value string, found bool) {
	return cache.Lookup(s.environ, name)
}

// interactive reports whether prompts are allowed: not in CI, not with --no-input.
// Whether there is a terminal is known only when it is opened.
func (s *session) interactive() bool { return !s.flags.noInput && s.env("CI") == "" }

// useProcessors lets this process run on all processors. The front has limited it to one,
// which starts it faster.
func (s *session) useProcessors() {
	if s.limited {
		runtime.SetDefaultGOMAXPROCS()
		s.limited = false
	}
}

// manyFiles prepares for reading thousands of files, and returns on how many processors.
// Little of each is kept, so garbage is collected less often.
func (s *session) manyFiles() int {
	if s.limited {
		debug.SetGCPercent(400)
	}
	s.useProcessors()
	return runtime.GOMAXPROCS(0)
}

// windows reports whether this is Windows, for which special cases are untested.
const windows = runtime.GOOS == "windows"

// answerGuard lets only one answer through: the tool's, or the watchdog's.
type answerGuard struct {
	once sync.Once
	code int
}

// secretFlags are the ways in which a secret is passed. None is a value in argv or in
// the environment, which others can read (T6, T7).
type secretFlags struct {
	stdin bool
	file  string
	key   string // file with a private key
}
