package lines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// ErrNoReader is what Serve ends with when nobody takes the replies any more.
var ErrNoReader = errors.New("nobody reads the replies")

// Config is what Serve needs.
type Config struct {
	// Answerer answers what is not at hand; many goroutines call it at once.
	Answerer protocol.Answerer
	// Cached answers a get at once or not at all; nil: nothing is ever at hand.
	Cached func(protocol.Request) (protocol.Credential, bool)
	// In brings the requests, Out takes the replies and nothing else does.
	In  io.Reader
	Out io.Writer
	// AtOnce is how many calls of the Answerer may be under way; 0: 128. Where so
	// many are, no further line is read until one ends.
	AtOnce int
}

const (
	usualAtOnce = 128
	// grace is what a call has beyond its timeout before it is answered without the
	// Answerer, which should have kept to the timeout itself.
	grace = 300 * time.Millisecond
	// flushAt is how many bytes of replies are gathered at most before they are
	// written. A pipe holds 64 KiB.
	flushAt = 32 << 10
)

// Serve answers the requests of In until its end, and then what is still under
// way. Each request of a whole line has one reply, within its timeout (8 s) and
// 0.3 s, even if the Answerer hangs; a line that is not understood has one, too.
// What is read and not answered yet is bounded: a caller that takes no replies is
// read no further.
//
// It returns nil after the end of In; ErrNoReader, wrapped, when Out fails; what
// In failed with; or the context's error. A Read of In that does not end outlives
// it then.
func Serve(ctx context.Context, config Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if config.AtOnce <= 0 {
		config.AtOnce = usualAtOnce
	}
	s := &server{Config: config, ended: make(chan error, 1)}
	s.changed.L = &s.calls
	go func() { s.end(s.read(ctx)) }()
	select {
	case err := <-s.ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// server is one run of Serve.
type server struct {
	Config
	ended chan error // the first reason to end

	out sync.Mutex // one reply, or one batch, at a time

	calls   sync.Mutex
	changed sync.Cond
	running int // calls of the Answerer under way
	hung    int // those of them that were answered without it
}

func (s *server) end(err error) {
	select {
	case s.ended <- err:
	default:
	}
}

// write gives replies to the caller, whole lines at once.
func (s *server) write(replies []byte) error {
	if len(replies) == 0 {
		return nil
	}
	s.out.Lock()
	defer s.out.Unlock()
	if _, err := s.Out.Write(replies); err != nil {
		err = fmt.Errorf("%w: %w", ErrNoReader, err)
		s.end(err)
		return err
	}
	return nil
}

// read takes lines from In and answers them, until its end. What is at hand is
// gathered while further whole lines were read already, and written at once:
// sixteen requests that came together are one read and one write.
func (s *server) read(ctx context.Context) error {
	b, in := &batch{server: s}, newSplitter(s.In)
	var end, err error
	for err == nil {
		line, tooLong, ok := in.next()
		switch {
		case tooLong:
			err = b.refuse(nil, "a line of more than 65536 bytes")
		case ok:
			err = b.answer(ctx, line)
		case end != nil:
			return s.finish(b, in.cut(), end)
		default:
			if err = b.flush(); err == nil {
				end = in.read()
			}
		}
	}
	return err
}

// finish waits for the calls under way after the end of In. A last line without
// its end is a request that was cut short: it is refused, not guessed at.
func (s *server) finish(b *batch, cut bool, end error) error {
	if cut {
		if err := b.refuse(nil, "the last line has no end"); err != nil {
			return err
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	s.calls.Lock()
	for s.running > s.hung {
		s.changed.Wait()
	}
	s.calls.Unlock()
	if errors.Is(end, io.EOF) {
		return nil
	}
	return end
}

// call is one request that is not at hand.
type call struct {
	id      []byte
	request protocol.Request
	read    time.Time
	settled atomic.Bool // somebody writes the reply
}

// begin answers a request in a goroutine of its own. It waits for room; calls that
// hang take room, so that they cannot pile up, but nobody waits for them.
func (s *server) begin(ctx context.Context, c *call) error {
	limit := maxTimeout * time.Second
	if c.request.Timeout > 0 {
		limit = time.Duration(c.request.Timeout) * time.Second
	}
	s.calls.Lock()
	for s.running == s.AtOnce && s.hung < s.running {
		s.changed.Wait()
	}
	room := s.running < s.AtOnce
	if room {
		s.running++
	}
	s.calls.Unlock()
	if !room {
		return s.write(AppendError(nil, c.id, overdue(s.AtOnce)))
	}
	left := limit - time.Since(c.read)
	timer := time.AfterFunc(left+grace, func() {
		if c.settled.CompareAndSwap(false, true) {
			_ = s.write(AppendError(nil, c.id, overdue(1)))
			s.count(0, 1)
		}
	})
	go func() {
		ctx, cancel := context.WithTimeout(ctx, left)
		defer cancel()
		reply := s.ask(ctx, c)
		timer.Stop()
		if c.settled.CompareAndSwap(false, true) {
			_ = s.write(reply)
			s.count(-1, 0)
		} else {
			s.count(-1, -1)
		}
	}()
	return nil
}

// count changes the numbers of calls and tells who waits for them.
func (s *server) count(running, hung int) {
	s.calls.Lock()
	s.running += running
	s.hung += hung
	s.calls.Unlock()
	s.changed.Broadcast()
}

// ask is the reply to a call.
func (s *server) ask(ctx context.Context, c *call) []byte {
	if c.request.Verb == protocol.Forget {
		if err := s.Answerer.Forget(ctx, c.request); err != nil {
			return AppendError(nil, c.id, err)
		}
		return AppendDone(nil, c.id)
	}
	credential, err := s.Answerer.Get(ctx, c.request)
	if err != nil {
		return AppendError(nil, c.id, err)
	}
	reply, err := AppendReply(make([]byte, 0, 512+2*credential.Secret.Len()), c.id, credential)
	if err != nil {
		return AppendError(nil, c.id, err)
	}
	return reply
}

func overdue(calls int) error {
	text := "no answer in time"
	if calls > 1 {
		text = "too many requests hang"
	}
	return &protocol.Error{Kind: protocol.ErrUnreachable, Text: text, Hint: "see what hangs: credhelper doctor"}
}
