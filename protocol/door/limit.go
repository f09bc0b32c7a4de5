package door

import (
	"context"
	"sync"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/retryafter"
)

// limiter spreads requests: a second's worth may come at once, the others wait for their
// turn.
type limiter struct {
	each time.Duration // between two requests; 0: no limit
	now  func() time.Time

	mu   sync.Mutex
	next time.Time // when a request may go if none has come at once
}

func perRequest(perSecond int) time.Duration {
	if perSecond == 0 {
		return 0
	}
	return time.Second / time.Duration(perSecond)
}

// longestTurn is how long a request waits for its turn.
const longestTurn = 30 * time.Second

// turn returns how long the next request has to wait; false if that is too long.
func (l *limiter) turn(now time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if earliest := now.Add(-time.Second + l.each); l.next.Before(earliest) {
		l.next = earliest
	}
	wait := l.next.Sub(now)
	if wait > longestTurn {
		return wait, false
	}
	l.next = l.next.Add(l.each)
	return max(0, wait), true
}

// wait waits for the request's turn.
func (l *limiter) wait(ctx context.Context) error {
	if l.each == 0 {
		return nil
	}
	wait, ok := l.turn(l.now())
	if !ok {
		return &protocol.Error{Kind: protocol.ErrUnreachable, Text: "too many requests wait for the profile's limit", RetryAfter: int64(wait / time.Second)}
	}
	if wait == 0 {
		return nil
	}
	return retryafter.Wait(ctx, wait)
}
