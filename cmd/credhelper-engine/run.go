package main

import (
	"context"
	"path/filepath"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/protocol"
)

// choosers are the commands that try the session bus while no keyring has been chosen.
var choosers = []string{"add", "rotate", "doctor"}

// run is the program, without the global state of the process.
func run(argv []string, s *session) int {
	call, err := inner.Begin(handover.Engine, argv, s.environ, s.now(), choosers...)
	if err != nil {
		return s.fail(err)
	}
	s.start, s.limits, s.guard = call.Start, call.Limits, new(answerGuard)
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
