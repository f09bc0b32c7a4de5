// Sync keeps one Jira issue for every item of a Jama Connect project, as a connector
// that runs for weeks: credhelper runs beside it as a plugin, its configuration
// contains no secret, and no token is held longer than a request.
//
//	credhelper add jama --preset jama --url https://example.jamacloud.com --client-id ID
//	credhelper add jira --preset jira-datacenter --url https://jira.example.com --client-id ID --set scopes=WRITE
//	sync --test https://example.jamacloud.com https://jira.example.com
//	sync --every 5m https://example.jamacloud.com https://jira.example.com
//
// system.go has what both APIs share, jama.go and jira.go the differences, sync.go the
// job.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		err = nil
	}
	os.Exit(protocol.ExitCode(err)) // as credhelper's own: 8 is "later", 7 is "do not try again"
}

// settings are the administrator's: addresses and projects, nothing secret.
type settings struct {
	jama, jira string // base addresses
	project    int    // of Jama, by id
	key        string // of Jira's project
	page       int    // items asked for at once
	every      time.Duration
	test       bool
}

func read(args []string, stderr io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("sync", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: sync [flags] JAMA-URL JIRA-URL")
		flags.PrintDefaults()
	}
	flags.BoolVar(&s.test, "test", false, "only say as whom both systems know us")
	flags.IntVar(&s.project, "project", 1, "id of Jama's project")
	flags.StringVar(&s.key, "key", "DEMO", "key of Jira's project")
	flags.IntVar(&s.page, "page", 50, "items asked for at once; Jama takes 50 at most")
	flags.DurationVar(&s.every, "every", 0, "run again after this time, for ever; 0: run once")
	if err := flags.Parse(args); err != nil {
		return s, fmt.Errorf("%w: %w", protocol.ErrMalformed, err)
	}
	if flags.NArg() != 2 {
		flags.Usage()
		return s, fmt.Errorf("%w: two addresses are needed", protocol.ErrMalformed)
	}
	s.jama, s.jira = strings.TrimRight(flags.Arg(0), "/"), strings.TrimRight(flags.Arg(1), "/")
	return s, nil
}

// run does what the arguments say. Errors have been logged when it returns.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := read(args, stderr)
	if err != nil {
		return err
	}
	log := &journal{to: stderr, now: time.Now}
	helper, err := connector.Dial(connector.Config{Warnings: stderr})
	if err != nil {
		log.failed("credhelper", err)
		return err
	}
	defer helper.Close()
	j := newJob(s, helper, log)
	if s.test {
		return j.test(ctx, stdout)
	}
	for {
		err := j.once(ctx)
		if s.every == 0 || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(s.every):
		case <-ctx.Done():
			return err
		}
	}
}

// journal is the log: one line each, for people: when, how bad, which system, what.
type journal struct {
	to  io.Writer
	now func() time.Time
}

func (j *journal) line(level, system, text string) {
	fmt.Fprintf(j.to, "%s %-5s %s: %s\n", j.now().UTC().Format(time.RFC3339), level, system, text)
}

// failed logs why something failed, and what to type next if that is known.
func (j *journal) failed(system string, err error) {
	text := plainly(err)
	var e *protocol.Error
	var refused *refusal
	switch {
	case errors.As(err, &e) && e.Hint != "":
		text += "; " + e.Hint
	case errors.As(err, &refused):
		text += "; " + refused.next()
	}
	j.line("ERROR", system, text)
}
