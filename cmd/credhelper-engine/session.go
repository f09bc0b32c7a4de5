package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
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
	answered *answered      // guards the single answer to a tool
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

// choosers are the commands that try the session bus while no keyring has been chosen.
var choosers = []string{"add", "rotate", "doctor"}

// run is the program, without the global state of the process.
func run(argv []string, s *session) int {
	call, err := inner.Begin(handover.Engine, argv, s.environ, s.now(), choosers...)
	if err != nil {
		return s.fail(err)
	}
	s.start, s.limits, s.answered = call.Start, call.Limits, new(answered)
	return s.dispatch(filepath.Base(call.Name), call.Args)
}

// dispatch answers a tool if the call names a dialect, else runs a command.
func (s *session) dispatch(name string, args []string) int {
	if dialect, call, ok := protocol.Choose(name, args, s.env); ok {
		return s.answerTool(dialect, call)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	root := s.commands()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if code, isExit := asExit(err); isExit {
		return code
	}
	if err != nil {
		return s.fail(err)
	}
	return 0
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
