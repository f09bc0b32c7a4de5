package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol/connector"
	"github.com/credhelper/credhelper/protocol/connector/wire"
)

// pluginCommand answers one long-running program, the connector that started it
// (package connector, docs/connectors.md).
func (s *session) pluginCommand() *cobra.Command {
	var proto bool
	c := &cobra.Command{
		Use:   "plugin",
		Short: "answer a connector, which starts this through go-plugin",
		Long: "For long-running programs that want tokens again and again: they start this\n" +
			"command through github.com/hashicorp/go-plugin, ask it over gRPC, and end it.\n" +
			"Typed by hand it does nothing, but --proto prints the contract, from which a\n" +
			"language with gRPC makes its end. See docs/connectors.md.",
		Example:     "  credhelper plugin --proto > connector.proto",
		GroupID:     groupUse,
		Annotations: patient, // each call has 8 s of its own
		Args:        between(0, 0, "plugin"),
		RunE: func(*cobra.Command, []string) error {
			if s.flags.noStore || s.flags.timeout != "" {
				return malformed("plugin takes neither --no-store nor --timeout")
			}
			if proto {
				return s.print(wire.Proto)
			}
			return s.servePlugin()
		},
	}
	c.Flags().BoolVar(&proto, "proto", false, "print the contract, connector.proto")
	return c
}

func (s *session) servePlugin() error {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	watchHost(os.Getppid(), end)
	// A greeting that nobody reads must not end us either: there is a socket to remove.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err := connector.CheckHost(); err != nil {
		return err
	}
	s.runsLong = true
	h, err := s.open()
	if err != nil {
		return err
	}
	defer settle(h)
	dir, err := s.socketDir()
	if err != nil {
		return policy("plugin: " + err.Error())
	}
	remove := sync.OnceFunc(func() { _ = os.RemoveAll(dir) })
	defer remove()
	context.AfterFunc(ctx, func() {
		time.Sleep(endTime)
		remove()
		s.exit(0)
	})
	// The goroutines of gRPC pass a call on to each other; on one processor that is
	// no system call, and there is little else to do at once. A sixth of a cached
	// call's time goes; sixteen callers at once get as much as before.
	runtime.GOMAXPROCS(1)
	return connector.Serve(ctx, connector.ServeConfig{
		Answerer:  h,
		SocketDir: dir,
		HostLives: func() bool { return hasReader(s.stdout) },
	})
}

// socketDir makes a directory for the socket, of mode 0700 whatever the umask
// (T2): in the user's own runtime directory if there is one. The path of a socket
// has at most 107 octets, so a long TMPDIR will not do, nor the state directory of
// a deep home.
func (s *session) socketDir() (string, error) {
	const longest = 60
	for _, parent := range []string{s.env("XDG_RUNTIME_DIR"), os.TempDir()} {
		if !filepath.IsAbs(parent) || len(parent) > longest {
			continue
		}
		s.sweepSockets(parent)
		if dir, err := os.MkdirTemp(parent, "credhelper-"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("/tmp", "credhelper-")
}

// sweepSockets removes what plugins left that were killed: a directory of that name
// and its socket, if nobody listens there. One that is being made is too young, and
// one with anything else in it stays.
func (s *session) sweepSockets(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, "credhelper-[0-9]*"))
	for _, dir := range left {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || s.now().Sub(info.ModTime()) < time.Minute {
			continue
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if e.Type() != fs.ModeSocket {
				continue
			}
			if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
				conn.Close()
			} else if errors.Is(err, syscall.ECONNREFUSED) {
				_ = os.Remove(path)
			}
		}
		_ = os.Remove(dir)
	}
}

const (
	// hostPoll is how often the parent is looked at; a host that was killed must not
	// leave us behind for more than 2 s (T20).
	hostPoll = 500 * time.Millisecond
	// endTime is what calls that still run have to come to an end.
	endTime = 1200 * time.Millisecond
)

// endWithHost ends this process when the host is gone or a signal says so.
func (s *session) endWithHost(parent int, clean func()) {
	watchHost(parent, func() {
		clean()
		s.exit(0)
	})
}

// settle lets what is fetched behind the last answers come to an end.
func settle(h *helper.Helper) {
	settled := make(chan struct{})
	go func() { h.Wait(); close(settled) }()
	select {
	case <-settled:
	case <-time.After(endTime):
	}
}

// watchHost calls end once the host is gone, which another parent shows, or a
// signal says so. Linux's PR_SET_PDEATHSIG will not do: it fires when the thread
// ends that started us, which in a Go or Java host is no end at all. A host that
// died before we looked at our parent for the first time shows otherwise: see
// connector.ServeConfig. SIGINT is not for us: a terminal sends it to the whole
// job, and the host ends us when it is done.
func watchHost(parent int, end func()) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(came, syscall.SIGHUP)
	}
	go func() {
		defer end()
		tick := time.NewTicker(hostPoll)
		defer tick.Stop()
		for os.Getppid() == parent {
			select {
			case <-came:
				return
			case <-tick.C:
			}
		}
	}()
}
