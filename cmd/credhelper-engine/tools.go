package main

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// answerTime is the time limit of every call without a person: Bazel stops waiting
// after 10 s, while git, docker and kubectl wait forever (R2).
const answerTime = 8 * time.Second

// answerTool answers a request that the front could not answer from the cache. Nothing
// called from here prompts.
func (s *session) answerTool(d *protocol.Dialect, call protocol.Call) int {
	if ownDialect(d) {
		var err error
		if call.Args, err = s.ownFlags(d, call.Args); err != nil {
			if code, isExit := asExit(err); isExit {
				return code
			}
			return s.refuse(d, protocol.Request{}, err)
		}
	}
	want := d.Input(call.Args)
	if want.Until == protocol.OneLine {
		if !slices.Contains(call.Args, d.Flag) && isTerminal(s.stdin) { // it would wait for lines of JSON
			return s.fail(protocol.Usage(d))
		}
		return s.converse(d, call, want)
	}
	d, r, err := s.readCall(d, &call, want)
	process.Know(&r)
	if err != nil && ownDialect(d) {
		err = s.withNames(r, withFlag(err))
	}
	if err != nil {
		return s.refuse(d, r, err)
	}
	limit := answerTime
	if r.Timeout > 0 {
		limit = time.Duration(r.Timeout) * time.Second
	}
	ctx, cancel := s.watch(limit, func(err error) int { return s.refuse(d, r, err) })
	defer cancel()
	reply, err := s.answer(ctx, d, r)
	return s.end(reply, err)
}

// readCall reads and decodes a call. A person who has to type it is told so, and gets the
// time for that; tools never have a terminal as stdin.
func (s *session) readCall(d *protocol.Dialect, call *protocol.Call, want protocol.Stdin) (*protocol.Dialect, protocol.Request, error) {
	fd, start := int(s.stdin.Fd()), s.start
	types := want.Until != protocol.Nothing && isTerminal(s.stdin)
	if types {
		s.say("Reading the request from the terminal; Ctrl-D ends it, Ctrl-C cancels. For its form: credhelper " + d.Name + " --help")
		start = s.now().Add(process.TypingTime)
	}
	d, r, err := process.ReadCall(d, call, want, fd, start)
	if types {
		s.start = s.now()
	}
	return d, r, err
}

// withFlag gives the error for an unknown flag the one that was probably meant.
func withFlag(err error) error {
	unknown := new(protocol.UnknownFlag)
	if !errors.As(err, &unknown) || protocol.AdviceForFlag(unknown.Name) != "" {
		return err
	}
	near := didYouMean(unknown.Name, append(protocol.Flags(), process.EngineFlags()...))
	if near == "" {
		return err
	}
	return &protocol.Error{Kind: protocol.ErrMalformed, Text: unknown.Error(), Hint: near}
}

// withNames adds to an error the names that a call of one of credhelper's own dialects may
// have meant.
func (s *session) withNames(r protocol.Request, err error) error {
	var e *protocol.Error
	if r.Verb == 0 || r.Profile != "" || r.URL != (origin.URL{}) || !errors.As(err, &e) || !errors.Is(e, protocol.ErrMalformed) || e.Hint != "" {
		return err
	}
	h, opened := s.open()
	if opened != nil {
		return err
	}
	names, listErr := h.ProfileNames()
	const most = 8
	withHint := *e
	switch {
	case listErr != nil:
		return err
	case len(names) == 0:
		withHint.Hint = "there is no profile yet: credhelper add"
	case len(names) > most:
		withHint.Hint = "profiles: " + strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more: credhelper list"
	default:
		withHint.Hint = "profiles: " + strings.Join(names, ", ")
	}
	return &withHint
}

// end writes an answer, and then runs what was deferred until after it.
func (s *session) end(reply protocol.Reply, err error) int {
	code := s.reply(reply, err)
	if s.after != nil && code == 0 {
		s.after()
	}
	s.after = nil
	return code
}

// answer returns the answer to one request. err is the reason for a failure, for
// stderr.
func (s *session) answer(ctx context.Context, d *protocol.Dialect, r protocol.Request) (protocol.Reply, error) {
	s.verb, s.tool = d.Name, true
	switch r.Verb {
	case protocol.Say:
		return r.Reply, nil
	case protocol.Accepted:
		h, err := s.open()
		if err == nil {
			err = h.Accepted(ctx, r)
		}
		if err != nil {
			return d.Refuse(r, err), err
		}
		return protocol.Reply{Quiet: true}, nil
	case protocol.Forget:
		h, err := s.open()
		if err == nil {
			err = h.Forget(ctx, r)
		}
		if err != nil {
			return d.Refuse(r, err), err
		}
		return encoded(d, r, protocol.Credential{})
	}
	h, err := s.open()
	if err != nil {
		return d.Refuse(r, err), err
	}
	// A script that requests a new token is not given the old one, unless it allows that.
	r.Anew = r.Refresh && !s.flags.orCached && (d.Name == "token" || d.Name == "header")
	c, err := h.Get(ctx, r)
	if err != nil {
		return d.Refuse(r, err), err
	}
	if r.Asker != "" {
		s.after = func() { h.Given(r, c) }
	}
	return encoded(d, r, c)
}

func encoded(d *protocol.Dialect, r protocol.Request, c protocol.Credential) (protocol.Reply, error) {
	answer, err := d.Encode(r, c)
	if err != nil {
		return d.Refuse(r, err), err
	}
	return protocol.Reply{Stdout: answer}, nil
}

// refuse writes the dialect's form of a refusal.
func (s *session) refuse(d *protocol.Dialect, r protocol.Request, err error) int {
	return s.reply(d.Refuse(r, err), err)
}

// reply writes one answer, in one write, and returns the exit code. All state has been
// saved before (R7).
func (s *session) reply(r protocol.Reply, err error) int {
	a := s.guard
	a.once.Do(func() {
		a.code = process.WriteReply(int(s.stdout.Fd()), r, err, func(err error) { s.fail(err) })
	})
	return a.code
}

// converse serves a line protocol until the tool ends the stream (cargo): a greeting,
// then one line of answer for each line of request. The pipe stays open in between, so
// each request has its own 8 s.
func (s *session) converse(d *protocol.Dialect, call protocol.Call, want protocol.Stdin) int {
	if err := process.WriteOnce(int(s.stdout.Fd()), []byte(d.Greeting)); err != nil && d.Greeting != "" {
		return 1
	}
	lines := bufio.NewReaderSize(s.stdin, 64<<10)
	for {
		line, err := readLine(lines, want.Limit)
		if line == nil && err == nil {
			return 0
		}
		s.start, s.guard = s.now(), new(answerGuard)
		call.Stdin = line
		if code := s.lineAnswer(d, call, err); code != 0 {
			return code
		}
		if err != nil {
			return 1 // the beginning of the next line is unknown
		}
	}
}

func (s *session) lineAnswer(d *protocol.Dialect, call protocol.Call, err error) int {
	var r protocol.Request
	if err == nil {
		r, err = d.Read(call)
	}
	if err != nil {
		return s.refuse(d, r, err)
	}
	s.helper = nil // a new answer, a new deadline
	ctx, cancel := s.watch(answerTime, func(err error) int { return s.refuse(d, r, err) })
	defer cancel()
	process.Know(&r)
	reply, err := s.answer(ctx, d, r)
	return s.end(reply, err)
}

// readLine reads one line of at most limit bytes, without its line break; nil at the
// end of the stream. A last line without a line break counts: cargo's own tests send
// one.
func readLine(lines *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit+1:
			return line, protocol.Malformed("the request is too long")
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case len(line) > 0:
			return line, nil
		default:
			return nil, nil
		}
	}
}
