package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/tokenfile"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// sinkFlags are the flags of sink.
type sinkFlags struct {
	requestFlags
	file, format string
	once, keep   bool

	makeDir, groupRead bool
}

// sinkCommand keeps a token in a file, for programs that read one.
func (s *session) sinkCommand() *cobra.Command {
	var f sinkFlags
	c := &cobra.Command{
		Use:     "sink NAME --file FILE [--format FORMAT] [--once | --keep]",
		Example: "  credhelper sink jama --file $XDG_RUNTIME_DIR/jama-token",
		Short:   "keep a token in a file, for programs that read one",
		Long: "Writes the token into a file of mode 0600 and replaces it, whole, before the\n" +
			"token ends. While the server gives no new token the old one stays, until it has\n" +
			"ended; then the file is removed. Ends on SIGTERM or Ctrl-C and removes the file,\n" +
			"too. SIGHUP renews at once, unless sink runs in a terminal.\n\n" +
			"Under systemd use Type=notify: sink is ready when the file is there.",
		GroupID: groupUse,
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.file == "" {
				return usage(c)
			}
			if f.once && f.keep {
				return protocol.Malformed("--once always keeps the file; --keep is for the other case")
			}
			if f.groupRead && windows {
				return protocol.Policy("--group-read: this system's files have no group that could read them")
			}
			if s.flags.timeout != "" && !f.once {
				return protocol.Malformed("--timeout belongs to --once; sink itself has no end")
			}
			return s.sink(c.Context(), f, args)
		},
		ValidArgsFunction: s.completeProfiles,
	}
	f.register(c)
	c.Flags().StringVar(&f.file, "file", "", "the `FILE`; other users must not be able to write in its directory")
	c.Flags().StringVar(&f.format, "format", "", "token (default), header, headers-json, curl-config, env, env-fish,\n"+
		"env-powershell, netrc, git-include or json")
	c.Flags().BoolVar(&f.makeDir, "make-dir", false, "create the file's directory, with mode 0700, if it is missing")
	c.Flags().BoolVar(&f.groupRead, "group-read", false, "let the directory's group read the file: mode 0640, and 0750\nfor a directory that is created")
	c.Flags().BoolVar(&f.once, "once", false, "write it once and exit, for cron")
	c.Flags().BoolVar(&f.keep, "keep", false, "leave the file when sink ends")
	return c
}

func (s *session) sink(ctx context.Context, f sinkFlags, args []string) error {
	request, err := s.sinkRequest(f, args)
	if err != nil {
		return s.withNames(request, err)
	}
	h, err := s.open()
	if err != nil {
		return err
	}
	path, err := filepath.Abs(f.file)
	if err != nil {
		return protocol.Policy("--file: " + err.Error())
	}
	target := sinkTarget(tokenfile.File{Path: path, MakeDir: f.makeDir, GroupRead: f.groupRead}, request)
	if err := target.Prepare(); err != nil {
		return err
	}
	if f.once {
		c, err := h.Get(ctx, request)
		if err == nil {
			err = target.Put(c)
		}
		return err
	}
	n := openNotifier(s.env, s.now, os.Getpid())
	defer n.close()
	r := s.newRenewal(h, request, path)
	r.Put, r.Drop = target.Put, target.Remove
	r.Beat, r.Tick = n.beat, n.tick()
	r.Say = func(text string) {
		s.say("credhelper: " + text)
		n.status(printable.Line(text))
	}
	target.First = func(c protocol.Credential) {
		n.ready()
		r.Say(path + " holds the token of " + c.Profile + ", for " + failure.Span(time.Unix(c.Expires, 0).Sub(s.now())) + " now")
	}
	defer h.Wait() // a signal may come while a sign-in is renewed (A18)
	ctx, ask, stop := s.sinkSignals(ctx)
	defer stop()
	err = r.Run(ctx, ask)
	n.stopping()
	if err != nil || f.keep || !target.Written() {
		return err
	}
	if err := target.Remove(); err != nil {
		return err
	}
	r.Say(path + " is removed: sink ends")
	return nil
}

// sinkTarget returns the target, whose content is an answer of the header command.
func sinkTarget(file tokenfile.File, request protocol.Request) *tokenfile.Target {
	return &tokenfile.Target{
		File:   file,
		Encode: func(c protocol.Credential) ([]byte, error) { return headerDialect().Encode(request, c) },
	}
}

// sinkRequest parses the arguments as the header command does.
func (s *session) sinkRequest(f sinkFlags, args []string) (protocol.Request, error) {
	format := f.format
	switch {
	case format == "" && s.flags.json:
		format = "json"
	case format == "":
		format = "token"
	}
	words := []string{"--format", format}
	if f.profile != "" {
		words = append(words, "--profile", f.profile)
	}
	if f.minTTL != "" {
		words = append(words, "--min-ttl", f.minTTL)
	}
	if f.refresh {
		words = append(words, "--refresh")
	}
	r, err := headerDialect().Decode(protocol.Call{Args: append(append(words, "--"), args...), Env: s.env})
	r.Narrowing = f.narrow
	return r, err
}

// headerDialect returns the row of the header command.
func headerDialect() *protocol.Dialect {
	for _, d := range protocol.Dialects {
		if d.Name == "header" {
			return d
		}
	}
	panic("the header dialect is gone")
}

// sinkSignals ends the context on a signal to end, and turns SIGHUP into a request for
// a new token. From a terminal SIGHUP means that the terminal was closed; under nohup
// it is ignored.
func (s *session) sinkSignals(ctx context.Context) (_ context.Context, ask <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals, asks := make(chan os.Signal, 4), make(chan struct{}, 1)
	for _, sig := range endingSignals {
		if sig != syscall.SIGHUP || !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	renews := !hasTerminal()
	go func() {
		for {
			select {
			case sig := <-signals:
				if sig != syscall.SIGHUP || !renews {
					cancel()
					return
				}
				select {
				case asks <- struct{}{}:
				default: // one is already pending
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, asks, func() { signal.Stop(signals); cancel() }
}
