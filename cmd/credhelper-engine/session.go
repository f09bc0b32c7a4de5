package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
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
	answered *answered      // the one answer to a tool
	helper   *helper.Helper // made on first use by s.open
	patient  bool           // a person waits, so the 8 s do not hold
	runsLong bool           // it goes on after an answer: plugin, serve
	warn     func(string)   // takes the helper's warnings in place of stderr
}

// commonFlags are the flags that every verb takes.
type commonFlags struct {
	noInput bool
	json    bool
	verbose bool
	noStore bool
	timeout string
}

// run is the whole program over what main found: argv is the engine's own name,
// the handover word, and then the name and arguments that the front was called
// with.
func run(argv []string, s *session) int {
	word := ""
	if len(argv) > 1 {
		word = argv[1]
	}
	handover, ok := process.ReadWord(word, s.now())
	if !ok || len(argv) < 3 {
		return s.fail(&protocol.Error{Kind: protocol.ErrPolicy, Text: "type credhelper, not credhelper-engine"})
	}
	if handover.Version != process.Version {
		return s.fail(&protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: "credhelper and credhelper-engine are not of the same release (handover " + protocol.Printable(handover.Version) + " and " + process.Version + ")",
			Hint: "install both files of one release",
		})
	}
	if s.wantsBus(argv[3:]) {
		s.again(argv, desktop.AskBus)
	}
	if _, err := process.Harden(); err != nil {
		return s.fail(err)
	}
	s.start, s.limits, s.answered = handover.Start, handover.Limits, new(answered)
	return s.dispatch(filepath.Base(argv[2]), argv[3:])
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
	for _, entry := range s.environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// interactive tells whether a person may be asked: not in CI, not with
// --no-input. Whether there is a terminal shows when it is opened.
func (s *session) interactive() bool { return !s.flags.noInput && s.env("CI") == "" }

// windows tells whether this is Windows, whose differences are said to be
// untried.
const windows = runtime.GOOS == "windows"
