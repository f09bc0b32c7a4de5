// Credhelper is the program that tools and people call. It answers from the sealed
// cache. For everything else it executes credhelper-engine, or credhelper-plugin for a
// connector, in the same process where the system supports that.
//
// It links only the standard library, without net/http, and golang.org/x/sys, because
// every further package slows down every call (docs/performance.md).
//
// A call ends before the number of processors changes, and Go's goroutine that would notice
// takes a hundredth of it.
//
//go:debug updatemaxprocs=0
package main

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/entry"
	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/process"
	_ "github.com/credhelper/credhelper/cmd/internal/stack"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

func main() {
	front := front{
		args:  os.Args,
		env:   os.Getenv,
		start: time.Now(),
	}
	os.Exit(front.run())
}

// front is one call.
type front struct {
	args   []string
	env    func(string) string
	start  time.Time
	limits process.Limits // what Harden changed, for the next executable to restore

	dirs  cache.Dirs
	store *cache.Store // nil if there is none
}

// run answers the call, or executes another program and does not return.
func (f *front) run() int {
	var err error
	if f.limits, err = process.Harden(); err != nil {
		return f.fail(err)
	}
	name := "credhelper"
	if len(f.args) > 0 {
		name = filepath.Base(f.args[0])
		f.args = f.args[1:]
	}
	dialect, call, ok := protocol.Choose(name, f.args, f.env)
	if !ok {
		return f.handOver(f.other(), name, nil)
	}
	if err := protocol.ByHand(dialect, call); err != nil {
		return f.fail(err)
	}
	want := dialect.Input(call.Args)
	if !dialect.Front || want.Until == protocol.OneLine || dialect.Link == "" && slices.ContainsFunc(f.args, process.EngineFlag) {
		return f.handOver(handover.Engine, name, nil)
	}
	dialect, request, err := process.ReadCall(dialect, &call, want, 0, f.start)
	if ofPerson(dialect, want, err) {
		return f.handOver(handover.Engine, name, nil)
	}
	if err != nil {
		return f.refuse(dialect, request, err)
	}
	if request.Repeats { // otherwise only the engine needs it
		process.Know(&request)
	}
	if request.Verb == protocol.Say {
		return f.reply(request.Reply, nil)
	}
	f.openCache()
	if request.Verb == protocol.Accepted && !f.disputed(request) {
		return f.reply(protocol.Reply{Quiet: true}, nil)
	}
	credential, ok, err := f.cached(dialect, request)
	if err != nil {
		return f.refuse(dialect, request, err)
	}
	if !ok {
		if err := f.unowned(request); err != nil {
			return f.refuse(dialect, request, err)
		}
		return f.handOver(handover.Engine, name, call.Stdin)
	}
	answer, err := dialect.Encode(request, credential)
	if err != nil {
		return f.refuse(dialect, request, err)
	}
	code := f.reply(protocol.Reply{Stdout: answer}, nil)
	if code == 0 {
		f.noteAsker(request, credential)
	}
	return code
}

// other returns the executable for a call that names no dialect. A connector calls
// exactly "credhelper plugin"; the engine answers its --help and --proto.
func (f *front) other() string {
	if len(f.args) == 1 && f.args[0] == "plugin" {
		return handover.Plugin
	}
	return handover.Engine
}

// handOver executes another executable of the release in place of this process, and
// passes on the bytes already read from stdin. It returns only if that fails, or, on
// systems that cannot replace a process, with the exit code of the child.
func (f *front) handOver(executable, name string, stdin []byte) int {
	entry.Leave()
	environ, _ := handover.CutOneProcessor(os.Environ()) // which is of package entry
	code, err := handover.To(executable, handover.Handover{Limits: f.limits, Start: f.start}, environ, name, f.args, stdin)
	if err != nil {
		return f.fail(err)
	}
	return code
}
