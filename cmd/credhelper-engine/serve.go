package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/lines"
)

// serveCommand answers one long-running program of any language, which started
// this as its child (package lines, docs/dialects/lines.md).
func (s *session) serveCommand() *cobra.Command {
	var stdio bool
	c := &cobra.Command{
		Use:   "serve --stdio",
		Short: "answer a program that asks again and again, in JSON lines",
		Long: "For long-running programs that want tokens again and again: they start this\n" +
			"command, write one JSON request a line, and read one JSON reply a line, with the\n" +
			"request's id. It ends with its stdin. See docs/dialects/lines.md.",
		Example:     `  echo '{"id":1,"profile":"jama"}' | credhelper serve --stdio`,
		GroupID:     groupUse,
		Annotations: patient, // each request has 8 s of its own
		Args:        between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.flags.noStore || s.flags.timeout != "" {
				return malformed("serve takes neither --no-store nor --timeout")
			}
			if !stdio {
				return &protocol.Error{
					Kind: protocol.ErrMalformed,
					Text: "serve: say how the requests come: --stdio is the one way there is",
					Hint: "see credhelper serve --help",
				}
			}
			return s.serveLines(cmd.Context())
		},
	}
	c.Flags().BoolVar(&stdio, "stdio", false, "requests on stdin, replies on stdout, one JSON object a line")
	return c
}

// serveLines answers until stdin ends or the host does. Who stops reading stdout
// is gone: that is no failure to tell anybody of.
func (s *session) serveLines(ctx context.Context) error {
	parent := os.Getppid()
	s.runsLong = true
	h, err := s.open()
	if err != nil {
		return err
	}
	defer inner.Settle(h)
	s.keepFromSignals()
	inner.WatchHost(parent, func() { s.exit(0) })
	err = lines.Serve(ctx, lines.Config{Answerer: h, Cached: h.Cached, In: s.stdin, Out: s.stdout})
	if errors.Is(err, lines.ErrNoReader) {
		return exitCode(1)
	}
	return err
}

// keepFromSignals: a write to a pipe that nobody reads is an error and not a
// death, and a terminal's Ctrl-C, which reaches the whole job, is the host's
// business. A person who types requests keeps Ctrl-C. Signals are taken and not
// ignored, which the commands that a secret's source runs would inherit.
func (s *session) keepFromSignals() {
	taken := make(chan os.Signal, 1)
	signal.Notify(taken, syscall.SIGPIPE)
	if !term.IsTerminal(int(s.stdin.Fd())) {
		signal.Notify(taken, os.Interrupt)
	}
}
