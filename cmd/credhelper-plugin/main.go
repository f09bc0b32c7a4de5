// Credhelper-plugin serves long-running programs: the connector that started "credhelper
// plugin" through go-plugin (package connector, docs/connectors.md), and the guests of
// "credhelper proxy" (package door, docs/door.md), which "credhelper lend" makes. It is
// not called directly: credhelper executes it. It is a separate executable because gRPC
// and protobuf would add a third to the start-up time of every other call
// (docs/performance.md).
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

func main() {
	p := plugin{os.Stdout, os.Stderr, os.Environ()}
	code, err := p.run(os.Args)
	if err != nil {
		code = inner.Fail(p.stderr, err)
	}
	os.Exit(code)
}

// plugin is one run.
type plugin struct {
	stdout, stderr *os.File
	environ        []string
}

// run returns the exit code of a call that succeeded: not 0 only for a command's own.
func (p *plugin) run(argv []string) (code int, err error) {
	call, err := inner.Begin(handover.Plugin, argv, p.environ, time.Now())
	if err != nil {
		return 0, err
	}
	switch verb := call.Args[0]; {
	case verb == "exec" && len(call.Args) >= leastExec:
		return p.exec(call)
	case verb == "proxy" && len(call.Args) == 2:
		return 0, p.proxy(call.Args[1])
	case verb == "ca" && len(call.Args) == 2:
		return 0, p.ca(call.Args[1])
	case verb == "lend" && len(call.Args) == 2:
		return 0, p.lend(call.Args[1])
	case verb == "plugin" && len(call.Args) == 1:
		return 0, p.connector()
	}
	return 0, policy("type credhelper, not " + handover.Plugin)
}

// connector answers the connector that started us.
func (p *plugin) connector() error {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	inner.WatchHost(os.Getppid(), end)
	// If nobody reads the greeting, SIGPIPE must not end us: the socket has to be
	// removed.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err := connector.CheckHost(); err != nil {
		return err
	}
	h, err := p.open("plugin")
	if err != nil {
		return err
	}
	defer inner.Settle(h, inner.EndTime)
	return p.serve(ctx, h)
}

// open creates the helper. Nothing is read or opened yet.
func (p *plugin) open(verb string) (*helper.Helper, error) {
	config, err := inner.Config(p.environ, time.Now)
	if err != nil {
		return nil, err
	}
	config.Report = func(text string) { inner.Say(p.stderr, "credhelper: "+text) }
	config.Caller, config.Reminds, config.RunsLong = inner.Caller(verb), true, true
	return helper.New(config), nil
}

// serve answers the host until ctx is done or the host is gone.
func (p *plugin) serve(ctx context.Context, h *helper.Helper) error {
	dir, err := socketDir(cache.Variables(p.environ)("XDG_RUNTIME_DIR"), time.Now())
	if err != nil {
		return policy("plugin: " + err.Error())
	}
	remove := sync.OnceFunc(func() { _ = os.RemoveAll(dir) })
	defer remove()
	context.AfterFunc(ctx, func() {
		time.Sleep(inner.EndTime)
		remove()
		os.Exit(0)
	})
	// The goroutines of gRPC pass a call on to each other. On one processor this needs
	// no system call, and there is little to do in parallel. It saves a sixth of the
	// time of a cached call; sixteen concurrent callers are served as fast as before.
	runtime.GOMAXPROCS(1)
	return connector.Serve(ctx, connector.ServeConfig{
		Answerer:  h,
		Stdout:    p.stdout,
		SocketDir: dir,
		HostLives: func() bool { return hasReader(p.stdout) },
	})
}

func policy(text string) error    { return &protocol.Error{Kind: protocol.ErrPolicy, Text: text} }
func malformed(text string) error { return &protocol.Error{Kind: protocol.ErrMalformed, Text: text} }
