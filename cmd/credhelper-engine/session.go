package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
)

// session is one run of the engine: its process, given by main, and what the
// flags said.
type session struct {
	stdin, stdout, stderr *os.File
	environ               []string
	now                   func() time.Time
	exit                  func(int) // only for the watchdog and signals

	start  time.Time      // of the front; the deadlines count from it
	limits process.Limits // what hardening took and the user's commands get back

	verb     string // or the tool's dialect: in which words was asked
	tool     bool   // a tool asked, whose user sees its stderr at each call
	flags    commonFlags
	secret   secretFlags
	typed    bool           // the secret was typed at a prompt, and is nowhere else
	answered *answered      // the one answer to a tool
	after    func()         // what is to be done once it is out; may be nil
	helper   *helper.Helper // made on first use by s.open
	limit    time.Duration  // after which dog ends the process
	dog      *watchdog      // nil where nothing is watched
	patient  bool           // a person waits, so the 8 s do not hold
	runsLong bool           // it goes on after an answer: serve
	warn     func(string)   // takes the helper's warnings in place of stderr
}

// commonFlags are the flags that every verb takes.
type commonFlags struct {
	noInput bool
	json    bool
	verbose bool
	noStore bool

	orCached bool // with --refresh: the cached token is given where none can be fetched
	timeout  string
}

// choosers are the verbs that look at the session bus while no keyring is chosen.
var choosers = []string{"add", "rotate", "doctor"}

// run is the whole program over what main found.
func run(argv []string, s *session) int {
	call, err := inner.Begin(handover.Engine, argv, s.environ, s.now(), choosers...)
	if err != nil {
		return s.fail(err)
	}
	s.start, s.limits, s.answered = call.Start, call.Limits, new(answered)
	return s.dispatch(filepath.Base(call.Name), call.Args)
}

// dispatch answers a tool if the call is one of a tool, else a person.
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

// env is one variable of the environment.
func (s *session) env(name string) string {
	value, _ := s.lookup(name)
	return value
}

func (s *session) lookup(name string) (value string, found bool) {
	return inner.Lookup(s.environ, name)
}

// interactive reports whether a person may be asked: not in CI, not with
// --no-input. Whether there is a terminal shows when it is opened.
func (s *session) interactive() bool { return !s.flags.noInput && s.env("CI") == "" }

// windows reports whether this is Windows, whose differences are said to be
// untried.
const windows = runtime.GOOS == "windows"
