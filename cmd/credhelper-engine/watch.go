package main

import (
	"context"
	"sync"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// watchdog enforces a time limit. It cancels its context shortly before the limit, so
// that the answer can say what was slow, and ends the process at the limit, whatever
// hangs. The limit counts from the start of the process, and can be extended once the
// profile is known.
type watchdog struct {
	start time.Time
	now   func() time.Time
	bark  *time.Timer // cancels the context
	bite  *time.Timer // ends the process

	mu    sync.Mutex
	limit time.Duration
	end   time.Time // deadline of the context
	err   error
	done  chan struct{}
}

var _ context.Context = (*watchdog)(nil)

// watch starts a watchdog. refuse writes an answer in place of the missing one, and
// returns its exit code.
func (s *session) watch(limit time.Duration, refuse func(error) int) (context.Context, context.CancelFunc) {
	w := &watchdog{start: s.start, now: s.now, done: make(chan struct{})}
	w.bark = time.AfterFunc(time.Hour, func() { w.finish(context.DeadlineExceeded) })
	w.bite = time.AfterFunc(time.Hour, func() {
		s.exit(refuse(&protocol.Error{
			Kind: protocol.ErrUnreachable,
			Text: "no answer within " + w.timeLimit().String(),
			Hint: "see what is slow: credhelper doctor",
		}))
	})
	s.limit, s.dog = limit, w
	w.set(limit)
	return w, func() { w.finish(context.Canceled) }
}

// setTimeLimit applies the time limit of a profile that has its own.
func (s *session) setTimeLimit(limit time.Duration) {
	if s.dog != nil {
		s.limit = limit
		s.dog.set(limit)
	}
}

func (w *watchdog) set(limit time.Duration) {
	const before = 300 * time.Millisecond
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	w.limit = limit
	w.end = w.start.Add(limit - min(before, limit/10))
	w.bark.Reset(w.end.Sub(w.now()))
	w.bite.Reset(w.start.Add(limit).Sub(w.now()))
}

func (w *watchdog) timeLimit() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.limit
}

// finish ends the context. The process continues only if the caller has stopped the
// watchdog.
func (w *watchdog) finish(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bark.Stop()
	if err == context.Canceled {
		w.bite.Stop()
	}
	if w.err == nil {
		w.err = err
		close(w.done)
	}
}

// Deadline implements context.Context.
func (w *watchdog) Deadline() (time.Time, bool) { w.mu.Lock(); defer w.mu.Unlock(); return w.end, true }

// Done implements context.Context.
func (w *watchdog) Done() <-chan struct{} { return w.done }

// Err implements context.Context.
func (w *watchdog) Err() error { w.mu.Lock(); defer w.mu.Unlock(); return w.err }

// Value implements context.Context.
func (w *watchdog) Value(any) any { return nil }
