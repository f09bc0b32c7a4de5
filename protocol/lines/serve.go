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

// ErrNoReader is returned by Serve if the replies are no longer read.
var ErrNoReader = errors.New("nobody reads the replies")

// Config is the configuration of Serve.
type Config struct {
	// Answerer answers requests that Cached does not; it is called concurrently.
	Answerer protocol.Answerer
	// Cached answers a get at once or returns false; may be nil.
	Cached func(protocol.Request) (protocol.Credential, bool)
	// In supplies the requests; Out receives only replies.
	In  io.Reader
	Out io.Writer
	// AtOnce is the maximum number of concurrent calls of the Answerer; 0: 128. When it
	// is reached, no further line is read until a call ends.
	AtOnce int
}

const (
	usualAtOnce = 128
	// grace is how long after its timeout a call is answered with an error. The
	// Answerer should have returned at the timeout.
	grace = 300 * time.Millisecond
	// flushAt is how many bytes of replies are collected before they are written. A
	// pipe holds 64 KiB.
	flushAt = 32 << 10
)

// Serve answers the requests of In until its end, and then waits for pending calls.
// Each complete line gets one reply, within its timeout (8 s) and 0.3 s, even if the
// Answerer hangs or the line is invalid. The number of unanswered requests is limited:
// if the caller does not read replies, no more requests are read.
//
// It returns nil after the end of In; ErrNoReader, wrapped, if Out fails; the error of
// In; or the context's error, in which case a pending Read of In outlives it.
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

	out sync.Mutex // guards writing one reply, or one batch

	calls   sync.Mutex
	changed sync.Cond
	running int // running calls of the Answerer
	hung    int // those of them that were answered with an error
}

func (s *server) end(err error) {
	select {
	case s.ended <- err:
	default:
	}
}

// write writes replies, only whole lines.
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

// read reads lines from In and answers them, until its end. Replies from the cache are
// collected while further whole lines are in the buffer, and written together: sixteen
// requests that arrive together cost one read and one write.
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

// finish waits for pending calls after the end of In. A last line without a line break
// is truncated, and is refused.
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

// call is one request that the cache does not answer.
type call struct {
	id      []byte
	request protocol.Request
	read    time.Time
	settled atomic.Bool // the reply is being written
}

// begin answers a request in a goroutine of its own. It blocks while AtOnce calls are
// running. Calls that hang are counted, so that they cannot pile up, but the end does
// not wait for them.
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

// count changes the numbers of calls and wakes up waiting goroutines.
func (s *server) count(running, hung int) {
	s.calls.Lock()
	s.running += running
	s.hung += hung
	s.calls.Unlock()
	s.changed.Broadcast()
}

// ask returns the reply to a call.
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
