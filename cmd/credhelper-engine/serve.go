package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/lines"
)

// serveCommand serves one long-running program of any language, its parent (package
// lines, docs/dialects/lines.md).
func (s *session) serveCommand() *cobra.Command {
	var stdio bool
	c := &cobra.Command{
		Use:   "serve --stdio",
		Short: "answer the requests of a running program, in JSON lines",
		Long: "For long-running programs that want tokens again and again: they start this\n" +
			"command, write one JSON request a line, and read one JSON reply a line, with the\n" +
			"request's id. It ends with its stdin. More: credhelper help lines.",
		Example:     `  echo '{"id":1,"profile":"jama"}' | credhelper serve --stdio`,
		GroupID:     groupUse,
		Annotations: patient, // each request has its own 8 s
		Args:        between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.flags.noStore || s.flags.timeout != "" {
				return protocol.Malformed("serve takes neither --no-store nor --timeout")
			}
			if !stdio {
				return &protocol.Error{
					Kind: protocol.ErrMalformed,
					Text: "serve: --stdio is missing; there is no other transport",
					Hint: "see credhelper serve --help",
				}
			}
			return s.serveLines(cmd.Context())
		},
	}
	c.Flags().BoolVar(&stdio, "stdio", false, "requests on stdin, replies on stdout, one JSON object a line")
	return c
}

// serveLines answers until stdin ends or the host is gone. A closed stdout means that
// the host is gone too, and is not reported.
func (s *session) serveLines(ctx context.Context) error {
	parent := os.Getppid()
	s.runsLong = true
	s.useProcessors()
	h, err := s.open()
	if err != nil {
		return err
	}
	defer inner.Settle(h, inner.EndTime)
	s.keepFromSignals()
	inner.WatchHost(parent, func() { s.endServing(h, inner.EndTime) })
	err = lines.Serve(ctx, lines.Config{Answerer: h, Cached: h.Cached, In: s.stdin, Out: s.stdout})
	if errors.Is(err, lines.ErrNoReader) {
		return exitCode(1)
	}
	return err
}

// endServing ends the process, and with it the calls that still run, but not a fetch whose
// refresh token is used up: for a while that may store the next one (A18).
func (s *session) endServing(h *helper.Helper, within time.Duration) {
	inner.Settle(h, within)
	s.exit(0)
}

// keepFromSignals makes a write to a closed pipe an error instead of a fatal signal,
// and leaves Ctrl-C, which a terminal sends to the whole job, to the host. For a person
// who types requests Ctrl-C works as usual. The signals are caught rather than ignored,
// because the commands that print secrets would inherit that.
func (s *session) keepFromSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGPIPE)
	if !term.IsTerminal(int(s.stdin.Fd())) {
		signal.Notify(signals, os.Interrupt)
	}
}
